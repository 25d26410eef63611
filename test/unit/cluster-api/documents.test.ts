import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { bootstrapData, pivotDocuments, workloadDocuments } from '#domain/cluster-api/bundle.ts';
import { controlPlaneSecurityRules } from '#domain/cluster-api/network-spec.ts';
import { referenceKey, referenceOf, type KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownershipOf } from '#domain/cluster-api/owners.ts';
import { redactSecrets, revealSecrets } from '#domain/cluster-api/secrets.ts';
import { initKubeadmConfig } from '#domain/kubeadm/config.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { Secret } from '#domain/secret.ts';
import { corporateNetwork, samplePlan } from '#test/support/sample-plan.ts';
import { definitionProblems, haveDefinitions } from './crds.ts';
import { observed, placeholderKeys } from './fixtures.ts';

const fixtures = new URL('../../fixtures/cluster-api/', import.meta.url);
const shared = fileURLToPath(new URL('../../../../shared/reference/', import.meta.url));

const corp = '/subscriptions/s/resourceGroups/network/providers/Microsoft.Network';
const staticPlacement = {
  spec: {
    network: corporateNetwork,
    proxy: { httpProxy: 'http://proxy.corp:3128', noProxy: ['.corp'] },
  },
  facts: {
    staticNetwork: {
      virtualNetworkId: `${corp}/virtualNetworks/corp-vnet`,
      cidrs: ['10.60.0.0/16'],
      controlPlaneSubnet: {
        id: `${corp}/virtualNetworks/corp-vnet/subnets/corp-control-plane`,
        name: 'corp-control-plane',
        cidr: '10.60.0.0/24',
        attached: { networkSecurityGroup: `${corp}/networkSecurityGroups/corp-control-plane-nsg` },
      },
      workerSubnet: {
        id: `${corp}/virtualNetworks/corp-vnet/subnets/corp-workers`,
        name: 'corp-workers',
        cidr: '10.60.1.0/24',
        attached: {
          networkSecurityGroup: `${corp}/networkSecurityGroups/corp-workers-nsg`,
          routeTable: `${corp}/routeTables/corp-routes`,
          natGateway: `${corp}/natGateways/corp-nat`,
        },
      },
    },
  },
};

const size = (family: string, cores: number) => ({ family, cores, memoryGiB: cores * 4, zones: [] });
const withoutZones = {
  facts: { regionZones: [], vmSizes: { Standard_D2s_v5: size('a', 2), Standard_D4s_v5: size('b', 4) } },
  spec: { workerPools: [{ name: 'general', replicas: 2 }] },
};

function bundle(plan: ClusterPlan): readonly KubernetesObject[] {
  return [
    ...pivotDocuments({ plan, observed, keys: placeholderKeys, kubeconfig: new Secret('kubeconfig') }),
    ...workloadDocuments(plan, observed),
  ];
}

function named(documents: readonly KubernetesObject[], kind: string, name?: string): any {
  return documents.find(
    (document) => document.kind === kind && (name === undefined || document.metadata.name === name),
  );
}

describe('the bundle', () => {
  for (const [file, patch] of [
    ['dynamic', {}],
    ['static', staticPlacement],
    ['no-zones', withoutZones],
  ] as const) {
    test(`equals the reviewed file ${file}.yaml`, async () => {
      const documents = bundle(samplePlan(patch));
      const text = documents
        .map(
          (document) =>
            `---\n${stringify(JSON.parse(JSON.stringify(document)), { lineWidth: 0, aliasDuplicateObjects: false })}`,
        )
        .join('');
      await expect(text).toMatchFileSnapshot(fileURLToPath(new URL(`${file}.yaml`, fixtures)));
    });
  }

  test('shows no secret when it is serialised', () => {
    expect(JSON.stringify(bundle(samplePlan()))).not.toContain('RSA PRIVATE');
    const keys = bundle(samplePlan()).flatMap((document: any) => document.data?.['tls.key'] ?? []);
    expect(JSON.stringify(keys)).toBe(JSON.stringify(Array(4).fill('[secret]')));
    const redacted = named(bundle(samplePlan()).map(redactSecrets), 'Secret', 'demo-ca');
    expect(redacted.data).toEqual({ 'tls.crt': 'UkVEQUNURUQ=', 'tls.key': 'UkVEQUNURUQ=' });
  });

  test('holds what the reference sample holds, and the object kinds it leaves out', () => {
    const kinds = bundle(samplePlan()).map((document) => document.kind);
    for (const kind of [
      'Namespace',
      'AzureClusterIdentity',
      'Cluster',
      'AzureCluster',
      'KubeadmControlPlane',
      'AzureMachineTemplate',
      'KubeadmConfig',
      'Machine',
      'AzureMachine',
      'MachineDeployment',
      'KubeadmConfigTemplate',
      'MachineHealthCheck',
    ]) {
      expect(kinds).toContain(kind);
    }
    const secrets = bundle(samplePlan())
      .filter((document) => document.kind === 'Secret')
      .map((document) => document.metadata.name);
    expect(secrets.slice(0, 4)).toEqual(['demo-ca', 'demo-etcd', 'demo-proxy', 'demo-sa']);
    expect(secrets).toContain('demo-kubeconfig');
    expect(secrets).toContain('demo-control-plane-azure-json');
    expect(secrets).toContain(samplePlan().controlPlane.machineName);
  });

  test.skipIf(!existsSync(`${shared}adoption-sample.yaml`))('has every field of adoption-sample.yaml', () => {
    const documents = bundle(samplePlan());
    const sample = parseAllDocuments(readFileSync(`${shared}adoption-sample.yaml`, 'utf8')).map((document) =>
      document.toJS(),
    );
    const machine = samplePlan().controlPlane.machineName;
    const missing = sample.flatMap((object: any) => {
      const name = object.metadata.name.replace('demo-control-plane-cpa00', machine);
      const ours = named(documents, object.kind, name);
      expect(ours, `${object.kind} ${name}`).toBeDefined();
      return paths(object.spec ?? {})
        .filter((path) => !paths(ours.spec).includes(path))
        .map((path) => `${object.kind} ${path}`);
    });
    expect(missing).toEqual([]);
  });

  test("names the user's own security groups and route table with static placement, and no NAT gateway", () => {
    const documents = bundle(samplePlan(staticPlacement));
    const [controlPlane, workers] = named(documents, 'AzureCluster').spec.networkSpec.subnets;
    expect(controlPlane).toMatchObject({ securityGroup: { name: 'corp-control-plane-nsg' } });
    expect(workers).toMatchObject({
      // With the id CAPZ's webhook adds no NAT gateway of its own, and so no public address is made.
      id: `${corp}/virtualNetworks/corp-vnet/subnets/corp-workers`,
      securityGroup: { name: 'corp-workers-nsg' },
      routeTable: { name: 'corp-routes' },
    });
    expect(workers).not.toHaveProperty('natGateway');
    const secret = revealSecrets(named(documents, 'Secret', 'demo-control-plane-azure-json'));
    const file = JSON.parse(Buffer.from(secret.data['control-plane-azure.json'], 'base64').toString('utf8'));
    expect(file).toMatchObject({
      securityGroupName: 'corp-workers-nsg',
      securityGroupResourceGroup: 'network',
      routeTableName: 'corp-routes',
      vnetName: 'corp-vnet',
      vnetResourceGroup: 'network',
      subnetName: 'corp-workers',
    });
  });

  test('gives the identity to control-plane machines and their template only, in one letter case', () => {
    const documents = bundle(samplePlan());
    const identity = [{ providerID: `azure://${samplePlan().identity.id}` }];
    expect(named(documents, 'AzureMachine').spec).toMatchObject({
      identity: 'UserAssigned',
      userAssignedIdentities: identity,
    });
    expect(
      named(documents, 'AzureMachineTemplate', 'demo-control-plane').spec.template.spec.userAssignedIdentities,
    ).toEqual(identity);
    expect(named(documents, 'AzureMachineTemplate', 'demo-general-1').spec.template.spec).toMatchObject({
      identity: 'None',
    });
    expect(named(documents, 'AzureMachineTemplate', 'demo-general-1').spec.template.spec).not.toHaveProperty(
      'userAssignedIdentities',
    );
  });

  test('closes SSH by a rule that keeps CAPZ from opening it, or opens it to the allowed ranges only', () => {
    expect(controlPlaneSecurityRules(samplePlan(), [])[0]).toMatchObject({ action: 'Deny', destinationPorts: '22' });
    const open = samplePlan({ spec: { network: { ssh: { allowedCidrs: ['192.0.2.0/24'] } } } });
    expect(controlPlaneSecurityRules(open, [])[0]).toMatchObject({
      action: 'Allow',
      destinationPorts: '22',
      source: '192.0.2.0/24',
    });
  });

  test('lower-cases the resource group in provider ids and nothing else', () => {
    const plan = samplePlan({ spec: { azure: { ...samplePlan().spec.azure, resourceGroup: 'RG-Mixed' } } });
    const documents = bundle(plan);
    expect(named(documents, 'Machine').spec.providerID).toContain(
      '/resourceGroups/rg-mixed/providers/Microsoft.Compute/virtualMachines/',
    );
    expect(named(documents, 'AzureCluster').spec.resourceGroup).toBe('RG-Mixed');
  });
});

describe('every generated bundle', () => {
  const letters = fc.stringMatching(/^[a-z][a-z0-9-]{0,42}[a-z0-9]$/);
  const patches = fc.record({
    name: letters,
    minor: fc.integer({ min: 28, max: 37 }),
    replicas: fc.constantFrom(1, 3, 5),
    pools: fc.uniqueArray(
      fc.record({
        name: fc.stringMatching(/^[a-z]{1,20}$/),
        replicas: fc.integer({ min: 0, max: 9 }),
        zones: fc.subarray(['1', '2', '3'], { minLength: 1 }),
      }),
      { maxLength: 3, selector: (pool) => pool.name },
    ),
    tainted: fc.boolean(),
    proxy: fc.boolean(),
    zoned: fc.boolean(),
  });

  const build = ({ name, minor, replicas, pools, tainted, proxy, zoned }: any) =>
    samplePlan({
      name,
      spec: {
        kubernetes: { version: `v1.${minor}.2` },
        controlPlane: { replicas },
        workerPools: pools.map((pool: any) =>
          tainted ? { ...pool, taints: [{ key: 'a/b', effect: 'NoSchedule' }], labels: { team: 'x' } } : pool,
        ),
        ...(proxy ? { proxy: { httpProxy: 'http://p:1' } } : {}),
      },
      facts: zoned ? {} : withoutZones.facts,
    });

  test('is accepted by the real definitions: nothing unknown, pruned or defaulted', (context) => {
    if (!haveDefinitions) context.skip('the shared definitions are not here');
    fc.assert(
      fc.property(patches, (patch) => {
        const problems = bundle(build(patch)).flatMap((document) =>
          definitionProblems(document).map((problem) => `${document.kind}: ${problem}`),
        );
        expect(problems).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  test('has unique names, owners inside the bundle, and one kubeadm configuration', () => {
    fc.assert(
      fc.property(patches, (patch) => {
        const plan = build(patch);
        const documents = bundle(plan);
        const keys = documents.map((document) => referenceKey(referenceOf(document)));
        expect(new Set(keys).size).toBe(keys.length);
        for (const document of documents) {
          const ownership = ownershipOf(plan, referenceOf(document));
          if (ownership !== undefined) expect(keys).toContain(referenceKey(ownership.owner));
        }
        const spec = named(documents, 'KubeadmControlPlane').spec.kubeadmConfigSpec;
        expect(named(documents, 'KubeadmConfig').spec).toEqual(initKubeadmConfig(spec));
      }),
      { numRuns: 60 },
    );
  });

  test('boots CP-A with user data that equals the bootstrap secret', () => {
    fc.assert(
      fc.property(patches, (patch) => {
        const plan = build(patch);
        const data = bootstrapData({ plan, observed, keys: placeholderKeys }).reveal();
        const secret = revealSecrets(named(bundle(plan), 'Secret', plan.controlPlane.machineName)).data.value;
        expect(Buffer.from(secret, 'base64').toString('utf8')).toBe(data);
        expect(data.startsWith('## template: jinja\n#cloud-config\n')).toBe(true);
        expect(parse(data).runcmd.at(-1)).toContain('kubeadm init');
      }),
      { numRuns: 25 },
    );
  });
});

/** Paths of all leaves; list items are compared as one. */
function paths(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => paths(item, `${prefix}[]`));
  if (typeof value !== 'object' || value === null) return [prefix];
  return Object.entries(value).flatMap(([key, item]) => paths(item, `${prefix}.${key}`));
}
