import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '#domain/check/types.ts';
import { clusterApi, clusterClient } from '../../support/cluster-client.ts';
import { sampleDocument } from '../../support/sample-plan.ts';
import { type Stack, startStack, story } from '../../support/stack.ts';

/** What happens without Capstan, and what it says when it is back. */
let stack: Stack;
const pool = { name: 'general', replicas: 3, vmSize: 'Standard_D4s_v5', zones: ['1', '2', '3'] };
const base = { controlPlane: { replicas: 1, vmSize: 'Standard_D2s_v5' }, workerPools: [pool] };
const document = sampleDocument(base);

beforeAll(async () => {
  stack = await startStack({ scale: 600 });
  await stack.post(document, 'sample');
  const { status } = await stack.settled('demo');
  if (status.phase !== 'Ready') throw new Error(`the cluster is ${status.phase}`);
}, 120_000);
afterAll(async () => stack.stop());

interface Check {
  readonly api: { readonly reachable: boolean; readonly since: string };
  readonly findings: readonly Finding[];
  readonly certificates: readonly { readonly name: string; readonly expiresAt: string }[];
  readonly repair?: string;
}
const look = async (): Promise<Check> => {
  const answer = await stack.request('POST', '/api/clusters/demo/actions/reconcile');
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text) as Check;
};
const eventually = async (holds: (check: Check) => boolean): Promise<Check> => {
  let seen = await look();
  for (let round = 0; round < 100 && !holds(seen); round++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    seen = await look();
  }
  return seen;
};
const conditions = async () => {
  const { status } = JSON.parse((await stack.request('GET', '/api/clusters/demo')).text) as {
    status: { conditions: { type: string; status: string; message: string }[] };
  };
  return Object.fromEntries(status.conditions.map(({ type, status: value }) => [type, value]));
};
const machines = async () => {
  const ids = (await stack.resources()).map((resource) => resource.id);
  return ids.filter((id) => /virtualMachines\/demo-general/.test(id));
};

describe('a cluster without Capstan', () => {
  it('has nothing to report after it was built, and shows when its certificates end', async () => {
    const check = await look();
    expect(check.findings).toEqual([]);
    expect(check.api.reachable).toBe(true);
    expect(check.certificates.map(({ name }) => name)).toEqual([
      'cluster CA',
      'etcd CA',
      'front-proxy CA',
      expect.stringContaining('certificates of machine demo-control-plane'),
      'kubeconfig of the controllers',
    ]);
    expect(await conditions()).toMatchObject({
      Reachable: 'True',
      InSync: 'True',
      Healing: 'True',
      CredentialsValid: 'True',
    });
  });

  it('heals and scales by itself while the app is away; afterwards the truth is accepted and said', async () => {
    const client = await clusterClient(stack, 'demo');
    const [victim = ''] = await machines();
    await stack.killHost();
    // A machine dies, and somebody scales with kubectl.
    expect(await stack.arm('DELETE', victim)).toBe(202);
    await client.mergePatch(clusterApi('MachineDeployment', 'demo-general-1'), { spec: { replicas: 2 } });
    await expect
      .poll(async () => (await client.get(clusterApi('MachineDeployment', 'demo-general-1')))?.['status'], {
        timeout: 60_000,
        interval: 200,
      })
      .toMatchObject({ readyReplicas: 2 });
    client.close();
    await stack.startHost();
    const check = await eventually(({ findings }) => findings.length === 1);
    expect(check.findings).toEqual([
      {
        kind: 'drift',
        where: 'MachineDeployment demo-general-1 spec.replicas',
        sentence: 'MachineDeployment demo-general-1: spec.replicas is 2, the document says 1',
        repairable: true,
      },
    ]);
    expect(await conditions()).toMatchObject({ InSync: 'False', Reachable: 'True' });
    expect((await stack.status('demo'))!.status.nodes.filter((node) => node.ready)).toHaveLength(5);
    const told = (await stack.events('demo')).filter((event) => event.type === 'check.drift');
    expect(told).toHaveLength(1);
  }, 120_000);

  it('reports what somebody made or changed, and repairs it only when the document asks for it', async () => {
    const client = await clusterClient(stack, 'demo');
    await client.mergePatch(clusterApi('MachineHealthCheck', 'demo-general-2'), {
      spec: { checks: { nodeStartupTimeoutSeconds: 999 } },
    });
    await client.mergePatch(
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'capz-system', name: 'capz-controller-manager' },
      { spec: { replicas: 0 } },
    );
    const check = await eventually(({ findings }) => findings.length === 3);
    expect(check.findings.map(({ kind }) => kind).toSorted()).toEqual(['down', 'drift', 'drift']);
    expect(check.repair).toBeUndefined();
    await client.mergePatch(
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'capz-system', name: 'capz-controller-manager' },
      { spec: { replicas: 1 } },
    );
    await eventually(({ findings }) => findings.every(({ kind }) => kind === 'drift'));
    const asked = await stack.request(
      'PUT',
      '/api/clusters/demo',
      JSON.stringify(sampleDocument({ ...base, reconcile: 'repair' })),
    );
    expect(asked.status).toBe(202);
    const changed = await stack.settled('demo');
    expect(changed.status.phase, story(changed)).toBe('Ready');
    // Only the record changed: what kubectl did still stands.
    const found = await look();
    expect(found.findings.map(({ kind }) => kind)).toEqual(['drift', 'drift']);
    expect(found.repair).toMatch(/^demo-/);
    const repaired = await stack.settled('demo');
    expect(repaired.status.phase, story(repaired)).toBe('Ready');
    expect((await look()).findings).toEqual([]);
    client.close();
  }, 120_000);

  it('queues the next request when asked, and brings it about afterwards', async () => {
    const three = sampleDocument({ ...base, reconcile: 'repair', workerPools: [{ ...pool, replicas: 4 }] });
    const four = sampleDocument({ ...base, reconcile: 'repair', workerPools: [{ ...pool, replicas: 5 }] });
    expect((await stack.request('PUT', '/api/clusters/demo', JSON.stringify(three))).status).toBe(202);
    const refused = await stack.request('PUT', '/api/clusters/demo', JSON.stringify(four));
    expect([refused.status, refused.text.includes('CAP-1009')]).toEqual([409, true]);
    const queued = await stack.request('PUT', '/api/clusters/demo?onConflict=queue', JSON.stringify(four), {
      'x-request-id': 'next',
    });
    expect([queued.status, queued.headers.get('location')]).toEqual([202, '/api/requests/next']);
    const seen = await stack.until(
      'demo',
      ({ status }) =>
        status.operation.state === 'finished' && status.nodes.filter((node) => node.role === 'worker').length === 5,
    );
    expect(seen.status.phase).toBe('Ready');
    expect(JSON.parse((await stack.request('GET', '/api/requests/next')).text)).toMatchObject({
      outcome: 'accepted',
      operationId: seen.status.operation.id,
    });
  }, 120_000);

  it('says since when its API server does not answer, and that nobody heals it', async () => {
    const machine = (await stack.resources()).find((resource) =>
      /virtualMachines\/demo-control-plane[^/]*$/.test(resource.id),
    );
    await stack.arm('POST', `${machine?.id ?? ''}/deallocate`);
    const dark = await eventually(({ api }) => !api.reachable);
    expect(dark.findings.map(({ kind }) => kind)).toContain('unreachable');
    expect(await conditions()).toMatchObject({ Reachable: 'False', InSync: 'Unknown', Healing: 'Unknown' });
    expect((await look()).api.since).toBe(dark.api.since);
    await stack.arm('POST', `${machine?.id ?? ''}/start`);
    expect((await eventually(({ api }) => api.reachable)).api.since).not.toBe(dark.api.since);
  }, 120_000);
});
