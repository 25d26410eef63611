import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { bootstrapData, pivotDocuments, workloadDocuments } from '#domain/cluster-api/bundle.ts';
import { componentObjects } from '#kubernetes/components/component.ts';
import { loadBalancerSpec } from '#azure/loadBalancer/spec.ts';
import { networkInterfaceSpec } from '#azure/networkInterface/spec.ts';
import { virtualNetworkSpec } from '#azure/virtualNetwork/spec.ts';
import { relayScript } from '#domain/kubeadm/relay.ts';
import { needsAccount, needsServiceEndpoint } from '#domain/plan/storage-network.ts';
import { shapeOf } from '#domain/plan/shape.ts';
import { Secret } from '#domain/secret.ts';
import { parseClusterValue } from '#domain/spec/parse.ts';
import { sampleDocument, samplePlan } from '#test/support/sample-plan.ts';
import { definitionProblems, haveDefinitions } from './crds.ts';
import { observed, placeholderKeys } from './fixtures.ts';

const plan = samplePlan({ spec: { network: { api: { exposure: 'private' } } } });
const host = 'apiserver.demo.capz.io';
const input = { plan, observed, keys: placeholderKeys, kubeconfig: new Secret('k') };
const documents: readonly any[] = [...pivotDocuments(input), ...workloadDocuments(plan, observed)];
const one = (kind: string) => documents.find((document) => document.kind === kind);

describe('a private API server', () => {
  test('has the names of CAPZ in every document, and CAPZ keeps no DNS zone', () => {
    expect(one('Cluster').spec.controlPlaneEndpoint).toEqual({ host, port: 6443 });
    expect(one('AzureCluster').spec).toMatchObject({
      controlPlaneEndpoint: { host, port: 6443 },
      networkSpec: {
        privateDNSZone: 'None',
        apiServerLB: {
          name: 'demo-internal-lb',
          type: 'Internal',
          frontendIPs: [{ name: 'demo-internal-lb-frontEnd', privateIP: '10.0.0.100' }],
        },
      },
    });
    if (haveDefinitions) expect(documents.flatMap(definitionProblems)).toEqual([]);
  });

  const relay = ['systemctl daemon-reload', 'systemctl enable --now capstan-relay.service'];

  test('answers the hairpin: control-plane machines are their own API server, pods take the service address (R5)', () => {
    const before = `if [ -f /run/kubeadm/kubeadm.yaml ]; then echo '127.0.0.1 ${host}' >> /etc/hosts; fi`;
    const after = `if [ -f /run/kubeadm/kubeadm-join-config.yaml ]; then echo '127.0.0.1 ${host}' >> /etc/hosts; fi`;
    for (const spec of [one('KubeadmControlPlane').spec.kubeadmConfigSpec, one('KubeadmConfig').spec])
      expect(spec).toMatchObject({ preKubeadmCommands: [...relay, before], postKubeadmCommands: [after] });
    expect(one('KubeadmConfigTemplate').spec.template.spec.preKubeadmCommands).toBeUndefined();
    const { runcmd } = parse(bootstrapData(input).reveal());
    expect(runcmd.indexOf(before)).toBeLessThan(runcmd.findIndex((line: string) => line.startsWith('kubeadm init')));
    const manifest =
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec: { template: { spec: { containers: [] } } }';
    const [deployment]: any = componentObjects({
      name: 'x',
      version: 'v1',
      manifest,
      namespace: 'n',
      order: 1,
      placement: 'anywhere',
      hostAlias: { ip: '172.20.0.1', hostname: host },
    });
    expect(deployment.spec.template.spec.hostAliases).toEqual([{ ip: '172.20.0.1', hostnames: [host] }]);
    expect(deployment.spec.template.spec.tolerations).toHaveLength(1);
  });

  test('puts the relay on every control-plane machine, in one kubeadm configuration, and on no other', () => {
    const { write_files: files, runcmd } = parse(bootstrapData(input).reveal());
    const content = (path: string) => {
      const { encoding, content: text } = files.find((file: any) => file.path === path);
      return encoding === 'b64' ? Buffer.from(text, 'base64').toString() : text;
    };
    expect(content('/usr/local/sbin/capstan-relay')).toBe(relayScript);
    expect(content('/etc/capstan/relay.conf')).toBe(
      `CONTAINER=https://stbcdfghjklmnp.blob.core.windows.net/relay-demo-c0ffee00\nAPI_HOST=${host}\n`,
    );
    expect(runcmd.slice(0, 2)).toEqual(relay);
    const joining = one('KubeadmControlPlane').spec.kubeadmConfigSpec;
    expect(joining.files.map((file: any) => file.path)).toContain('/usr/local/sbin/capstan-relay');
    expect(joining.preKubeadmCommands.slice(0, 2)).toEqual(relay);
    // The user data of machines that join is a Jinja template too, and nothing is encoded there.
    expect(relayScript).not.toMatch(/\{[{%#]/);
    expect(JSON.stringify(one('KubeadmConfigTemplate'))).not.toContain('relay');
    expect(JSON.stringify(bootstrapData({ ...input, plan: samplePlan() }).reveal())).not.toContain('relay');
  });

  test('takes no public address; its control plane goes out by the NAT gateway', () => {
    const kinds = plan.resources.filter(({ step }) => step === 'network').map(({ key, kind }) => [key, kind]);
    expect(Object.fromEntries(kinds)).not.toHaveProperty('apiPublicIp');
    const waves = shapeOf(plan).waves.network!;
    const wave = (key: string) => waves.findIndex((keys) => keys.includes(key));
    expect(wave('loadBalancer')).toBeGreaterThan(wave('virtualNetwork'));
    expect(wave('apiDnsZoneLink')).toBeGreaterThan(wave('apiDnsZone'));
    const spec = (key: string): any => ({
      plan,
      resource: plan.resources.find((resource) => resource.key === key),
      outputs: {},
    });
    const balancer = loadBalancerSpec(spec('loadBalancer'), undefined);
    expect(balancer?.frontendIPConfigurations?.[0]).toMatchObject({
      privateIPAddress: '10.0.0.100',
      privateIPAllocationMethod: 'Static',
      zones: ['1', '2', '3'],
    });
    expect([balancer?.outboundRules, balancer?.tags?.['sigs.k8s.io_cluster-api-provider-azure_role']]).toEqual([
      undefined,
      'apiserver',
    ]);
    const network = virtualNetworkSpec(spec('virtualNetwork'), undefined);
    expect(network?.subnets?.map(({ natGateway }) => natGateway?.id?.split('/').at(-1))).toEqual([
      'demo-node-natgw-1',
      'demo-node-natgw-1',
    ]);
    const nic = networkInterfaceSpec(spec('networkInterface'), undefined);
    expect(nic?.ipConfigurations?.[0]?.loadBalancerInboundNatRules).toBeUndefined();
  });

  test('may have an address of its own choice inside the subnet, and nothing else', () => {
    const parsed = (api: object): any =>
      parseClusterValue({ ...sampleDocument(), spec: { ...sampleDocument().spec, network: { api } } });
    const chosen = parsed({ exposure: 'private', privateAddress: '10.0.7.9' });
    expect(chosen.document.spec.network.api.privateAddress).toBe('10.0.7.9');
    for (const [privateAddress, message] of [
      ['10.1.0.9', /outside the subnet/],
      ['10.0.0.3', /Azure keeps/],
      ['10.0.255.255', /Azure keeps/],
    ] as const)
      expect(parsed({ exposure: 'private', privateAddress }).error.message).toMatch(message);
    expect(parsed({ privateAddress: '10.0.0.9' }).error.message).toMatch(/belongs to exposure: private/);
  });

  test('needs an account that stays open to Capstan: one of its own that closes is refused, the user’s is not', () => {
    const parsed = (storage: object): any =>
      parseClusterValue({
        ...sampleDocument(),
        spec: { ...sampleDocument().spec, network: { api: { exposure: 'private' } }, storage },
      });
    const refused = parsed({ networkAccess: 'private' }).error;
    expect([refused.code, refused.where ?? refused.problems?.[0]?.path]).toEqual([
      'CAP-1011',
      'spec.storage.networkAccess',
    ]);
    expect(refused.message).toContain('closes the account that is made');
    const own = { account: 'corpimages0001', resourceGroup: 'storage', networkAccess: 'private' };
    for (const storage of [own, { networkAccess: 'selectedNetworks' }, {}])
      expect(parsed(storage).document.spec.storage).toMatchObject(storage);
  });

  test('has an account with an image of a gallery too, after the network where its rules name subnets', () => {
    const gallery = {
      id: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b/versions/1.0.0',
    };
    const spec = { network: { api: { exposure: 'private' } }, image: { gallery } };
    const open = samplePlan({ spec });
    expect(needsAccount(open)).toBe(true);
    expect(needsAccount(samplePlan({ spec: { image: { gallery } } }))).toBe(false);
    expect(shapeOf(open)).toMatchObject({
      copyImage: false,
      waves: { image: [['storageAccount'], ['relayContainer']] },
    });
    expect(shapeOf(open)).not.toHaveProperty('imageAfterNetwork');
    const selected = samplePlan({ spec: { ...spec, storage: { networkAccess: 'selectedNetworks' } } });
    expect(shapeOf(selected)).toMatchObject({ imageAfterNetwork: true });
    expect(needsServiceEndpoint(selected)).toBe(true);
  });

  test('takes the last free address of a small subnet', () => {
    const cidrs = {
      virtualNetwork: '10.9.0.0/16',
      controlPlaneSubnet: '10.9.0.0/28',
      workerSubnet: '10.9.1.0/24',
    };
    const small = samplePlan({ spec: { network: { api: { exposure: 'private' }, cidrs } } });
    expect(small.network.api.private?.address).toBe('10.9.0.14');
  });
});
