import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { assignments, conditionFile, grantCondition, roleDefinitions, type Scopes } from './definitions.ts';

const help = `npm run role -- --subscription ID --group NAME [options]

Writes the custom roles that Capstan needs, made from the calls it really makes, and prints the commands that create
and assign them.

  --subscription ID       subscription of the clusters
  --group NAME            resource group of the clusters
  --network ID            resource id of the virtual network, for static placement
  --security-group ID     resource id of the workers' network security group, for static placement
  --storage-account ID    resource id of a storage account of your own
  --key-vault ID          resource id of the Key Vault of the cluster keys
  --principal ID          object id of the identity of Capstan (default: <principal id>)
  --out DIR               where the definitions are written (default: capstan-roles)
  --record                let clusters live on the simulated Azure and renew the recorded calls (for developers)
`;

const { values } = parseArgs({
  options: {
    subscription: { type: 'string' },
    group: { type: 'string' },
    network: { type: 'string' },
    'security-group': { type: 'string' },
    'storage-account': { type: 'string' },
    'key-vault': { type: 'string' },
    principal: { type: 'string', default: '<principal id>' },
    out: { type: 'string', default: 'capstan-roles' },
    record: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

function write(subscriptionId: string, group: string): void {
  const subscription = `/subscriptions/${subscriptionId}`;
  const securityGroup = values['security-group'];
  const scopes: Scopes = {
    subscription,
    group: `${subscription}/resourceGroups/${group}`,
    ...(values.network === undefined
      ? {}
      : {
          network: { virtualNetwork: values.network, ...(securityGroup === undefined ? {} : { securityGroup }) },
        }),
    ...(values['storage-account'] === undefined ? {} : { account: values['storage-account'] }),
    ...(values['key-vault'] === undefined ? {} : { vault: values['key-vault'] }),
  };
  const definitions = roleDefinitions([subscription]);
  const wanted = assignments(scopes);
  mkdirSync(values.out, { recursive: true });
  for (const name of new Set(wanted.map(({ role }) => role))) {
    const file = path.join(values.out, `${name}.json`);
    writeFileSync(file, `${JSON.stringify(definitions[name], undefined, 2)}\n`);
    console.log(`az role definition create --role-definition @${file}`);
  }
  for (const { role, scope, grants } of wanted) {
    const file = grants === undefined ? '' : path.join(values.out, conditionFile(grants));
    if (grants !== undefined) writeFileSync(file, grantCondition(grants));
    const limit = grants === undefined ? '' : ` --condition-version 2.0 --condition @${file}`;
    console.log(
      `az role assignment create --assignee-object-id ${values.principal} --assignee-principal-type ServicePrincipal --role "${definitions[role].Name}" --scope ${scope}${limit}`,
    );
  }
}

if (values.record) {
  const { record } = await import('./record.ts');
  await record();
} else if (values.help || values.subscription === undefined || values.group === undefined) {
  console.log(help);
  process.exitCode = values.help ? 0 : 1;
} else {
  write(values.subscription, values.group);
}
