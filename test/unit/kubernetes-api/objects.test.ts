import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSimulatedApi, type SimulatedApiServer } from '#local/kubernetes/api/index.ts';
import type { ApiClient, KubeObject } from '#local/kubernetes/contract.ts';
import { WIDGET_CRD, widget } from './widget-crd.ts';

const REF = { apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'w' };
const refused = (code: number, text: string | RegExp = '') =>
  expect.objectContaining({ status: expect.objectContaining({ code, message: expect.stringMatching(text) }) });

let api: SimulatedApiServer;
let client: ApiClient;
let directory: string;

function open(): void {
  api = createSimulatedApi({
    file: join(directory, 'cluster.db'),
    kubernetesVersion: 'v1.33.4',
    now: () => Date.now(),
  });
  client = api.client('system:serviceaccount:capi-system:capi-manager');
}

/** Lets the garbage collector and the watches run. */
async function settle(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await turn();
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'capstan-objects-'));
  open();
  client.create(WIDGET_CRD);
});

afterEach(() => {
  api.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('metadata', () => {
  it('gives uid, version, generation, time, generated names and the writer', () => {
    const made = client.create({ ...widget(''), metadata: { name: '', generateName: 'w-', namespace: 'default' } });
    expect(made.metadata).toMatchObject({
      name: expect.stringMatching(/^w-[a-z0-9]{5}$/),
      generation: 1,
      uid: expect.stringMatching(/-/),
    });
    expect(made.metadata.managedFields).toMatchObject([{ manager: 'capi-manager', operation: 'Update' }]);
    expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('bumps the generation for the spec only, and writes nothing when nothing changes', () => {
    const made = client.create(widget('w'));
    const labelled = client.patch(REF, { metadata: { labels: { a: 'b' } } });
    expect(labelled.metadata.generation).toBe(1);
    const grown = client.patch(REF, { spec: { size: 2 } });
    expect(grown.metadata.generation).toBe(2);
    expect(client.patch(REF, { spec: { size: 2 } }).metadata.resourceVersion).toBe(grown.metadata.resourceVersion);
    expect(client.update(grown).metadata.resourceVersion).toBe(grown.metadata.resourceVersion);
    expect(Number(grown.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
  });

  it('isolates spec and status', () => {
    const made = client.create({ ...widget('w'), status: { phase: 'Early' } });
    expect(made['status']).toBeUndefined();
    expect(client.updateStatus({ ...made, spec: { size: 9 }, status: { phase: 'Ready' } })).toMatchObject({
      spec: { size: 1 },
      status: { phase: 'Ready' },
      metadata: { generation: 1 },
    });
    expect(client.patch(REF, { spec: { size: 3 }, status: { phase: 'No' } })).toMatchObject({
      spec: { size: 3 },
      status: { phase: 'Ready' },
    });
    expect(client.patch(REF, { spec: { size: 4 }, status: { phase: 'Go' } }, 'status')).toMatchObject({
      spec: { size: 3 },
      status: { phase: 'Go' },
    });
  });
});

describe('refusals', () => {
  it('answers 404, 409, 422 and 400 as the real server does', () => {
    const made = client.create(widget('w'));
    expect(() => client.create(widget('w'))).toThrow(refused(409, /widgets\.example\.org "w" already exists/));
    client.patch(REF, { spec: { size: 2 } });
    expect(() => client.update(made)).toThrow(refused(409, /the object has been modified; please apply your changes/));
    expect(() => client.patch({ ...REF, name: 'x' }, {})).toThrow(refused(404, /widgets\.example\.org "x" not found/));
    expect(() => client.patch(REF, { spec: { size: 99 } })).toThrow(
      refused(422, /^Widget\.example\.org "w" is invalid: spec\.size: Invalid value: 99/),
    );
    expect(() => client.patch(REF, { metadata: { uid: 'other' } })).toThrow(refused(409, /Precondition failed: UID/));
    expect(() => client.create({ ...widget('z'), metadata: { name: 'z', namespace: 'nowhere' } })).toThrow(
      refused(404, /namespaces "nowhere" not found/),
    );
    expect(() => client.create(widget('No_Good'))).toThrow(refused(422, /lowercase RFC 1123/));
    expect(() => client.update({ ...widget('w'), spec: { size: 1 } })).toThrow(
      refused(422, /must be specified for an update/),
    );
  });

  it('checks built-in kinds where a manifest can be wrong', () => {
    const labels = { app: 'a' };
    const deployment = (spec: unknown): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'default' },
      spec,
    });
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    expect(() => client.create(deployment({ selector: { matchLabels: { app: 'b' } }, template }))).toThrow(
      refused(422, /does not match template/),
    );
    expect(() =>
      client.create(deployment({ selector: { matchLabels: labels }, template: { metadata: { labels }, spec: {} } })),
    ).toThrow(refused(422, /containers: Required/));
    client.create(deployment({ selector: { matchLabels: labels }, template }));
    const secret: KubeObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data: { a: 'not base64!' },
    };
    expect(() => client.create(secret)).toThrow(refused(422, /illegal base64/));
    expect(() => client.create(secret)).not.toThrow(/not base64!/);
    expect(client.create({ ...secret, data: undefined, stringData: { a: 'x' } })).toMatchObject({
      type: 'Opaque',
      data: { a: 'eA==' },
    });
  });
});

describe('versions of a custom resource', () => {
  it('shows one object in each served version', () => {
    client.create({ ...widget('w'), apiVersion: 'example.org/v1beta1' });
    expect(client.get(REF)?.apiVersion).toBe('example.org/v1');
    expect(client.get({ ...REF, apiVersion: 'example.org/v1beta1' })?.apiVersion).toBe('example.org/v1beta1');
    expect(client.list({ apiVersion: 'example.org/v1beta1', kind: 'Widget' })[0]?.apiVersion).toBe(
      'example.org/v1beta1',
    );
  });
});

describe('deletion', () => {
  it('waits for finalizers and takes no new ones', () => {
    client.create({ ...widget('w'), metadata: { name: 'w', namespace: 'default', finalizers: ['example.org/hold'] } });
    client.delete(REF);
    expect(client.get(REF)?.metadata).toMatchObject({ deletionTimestamp: expect.any(String), generation: 2 });
    expect(() => client.patch(REF, { metadata: { finalizers: ['example.org/hold', 'example.org/more'] } })).toThrow(
      refused(422, /no new finalizers/),
    );
    client.patch(REF, { metadata: { finalizers: null } });
    expect(client.get(REF)).toBeUndefined();
  });

  it('collects dependents when all owners are gone, and those whose owner never existed', async () => {
    const [one, two] = [client.create(widget('one')), client.create(widget('two'))];
    const owner = (of: KubeObject, uid = of.metadata.uid ?? '') => ({
      apiVersion: 'example.org/v1',
      kind: 'Widget',
      name: of.metadata.name,
      uid,
    });
    const child = (name: string, ownerReferences: ReturnType<typeof owner>[]): KubeObject => ({
      ...widget(name),
      metadata: { name, namespace: 'default', ownerReferences },
    });
    client.create(child('both', [owner(one), owner(two)]));
    client.create(child('wrong', [owner(one, 'a-uid-of-elsewhere')]));
    await settle();
    expect(client.list({ apiVersion: 'example.org/v1', kind: 'Widget' }).map((object) => object.metadata.name)).toEqual(
      ['both', 'one', 'two'],
    );
    client.delete({ ...REF, name: 'one' });
    await settle();
    expect(client.get({ ...REF, name: 'both' })?.metadata.ownerReferences).toHaveLength(1);
    client.delete({ ...REF, name: 'two' });
    await settle();
    expect(client.get({ ...REF, name: 'both' })).toBeUndefined();
  });

  it('empties a namespace before it goes, and refuses new content meanwhile', async () => {
    client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    client.create({ ...widget('w'), metadata: { name: 'w', namespace: 'team', finalizers: ['example.org/hold'] } });
    client.delete({ apiVersion: 'v1', kind: 'Namespace', name: 'team' });
    await settle();
    expect(client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'team' })).toMatchObject({
      status: { phase: 'Terminating' },
    });
    expect(() => client.create({ ...widget('x'), metadata: { name: 'x', namespace: 'team' } })).toThrow(
      refused(403, /because it is being terminated/),
    );
    client.patch({ ...REF, namespace: 'team' }, { metadata: { finalizers: null } });
    await settle();
    expect(client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'team' })).toBeUndefined();
  });

  it('removes the objects of a deleted CRD and stops serving it', async () => {
    client.create(widget('w'));
    client.delete({ apiVersion: WIDGET_CRD.apiVersion, kind: WIDGET_CRD.kind, name: WIDGET_CRD.metadata.name });
    await settle();
    expect(
      client.get({ apiVersion: WIDGET_CRD.apiVersion, kind: WIDGET_CRD.kind, name: WIDGET_CRD.metadata.name }),
    ).toBeUndefined();
    expect(() => client.create(widget('w'))).toThrow(refused(404, /could not find the requested resource/));
  });
});

describe('watches in the process', () => {
  it('deliver every change in order after the write, also changes made by listeners', async () => {
    const seen: string[] = [];
    const watch = client.watch({ apiVersion: 'example.org/v1', kind: 'Widget' }, (type, object) => {
      seen.push(`${type} ${object.metadata.name} ${String((object['spec'] as { size: number }).size)}`);
      if (type === 'ADDED') client.patch({ ...REF, name: object.metadata.name }, { spec: { size: 5 } });
    });
    client.create(widget('a'));
    client.create(widget('b'));
    expect(seen).toEqual([]);
    await settle();
    client.delete({ ...REF, name: 'a' });
    await settle();
    watch.stop();
    client.delete({ ...REF, name: 'b' });
    await settle();
    expect(seen).toEqual(['ADDED a 1', 'ADDED b 1', 'MODIFIED a 5', 'MODIFIED b 5', 'DELETED a 5']);
  });
});

describe('persistence', () => {
  it('finds everything again without having been closed, with the same versions and kinds', () => {
    const made = client.create(widget('w'));
    const left = api;
    open();
    expect(client.get(REF)).toEqual(made);
    expect(Number(client.patch(REF, { spec: { size: 2 } }).metadata.resourceVersion)).toBeGreaterThan(
      Number(made.metadata.resourceVersion),
    );
    left.close();
  });

  it('finishes collections that were interrupted', async () => {
    client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    client.create({ ...widget('w'), metadata: { name: 'w', namespace: 'team' } });
    client.delete({ apiVersion: 'v1', kind: 'Namespace', name: 'team' });
    api.close();
    open();
    await settle();
    expect(client.get({ apiVersion: 'v1', kind: 'Namespace', name: 'team' })).toBeUndefined();
  });
});

describe('webhooks', () => {
  const configuration = (kind: string, webhook: Record<string, unknown> = {}): KubeObject => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: 'hooks' },
    webhooks: [
      {
        name: 'check.widget.example.org',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { namespace: 'default', name: 'hook', path: '/check' } },
        rules: [
          { apiGroups: ['example.org'], apiVersions: ['v1'], resources: ['widgets'], operations: ['CREATE', 'UPDATE'] },
        ],
        ...webhook,
      },
    ],
  });
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'hook', namespace: 'default' },
    spec: { ports: [{ port: 443 }], clusterIP: '10.96.0.9' },
  };

  it('fail like a missing service and a refused connection, unless failures are ignored', () => {
    client.create(configuration('ValidatingWebhookConfiguration'));
    expect(() => client.create(widget('w'))).toThrow(
      refused(
        500,
        'failed calling webhook "check.widget.example.org": failed to call webhook: service "hook" not found',
      ),
    );
    client.create(service);
    expect(() => client.create(widget('w'))).toThrow(
      refused(
        500,
        /^Internal error occurred: failed calling webhook "check\.widget\.example\.org": failed to call webhook: Post "https:\/\/hook\.default\.svc:443\/check\?timeout=10s": dial tcp 10\.96\.0\.9:443: connect: connection refused$/,
      ),
    );
    const ref = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      name: 'hooks',
    };
    client.delete(ref);
    client.create(configuration('ValidatingWebhookConfiguration', { failurePolicy: 'Ignore' }));
    expect(client.create(widget('w')).metadata.name).toBe('w');
  });

  it('deny with their message and change what they mutate', () => {
    client.create(service);
    client.create(configuration('ValidatingWebhookConfiguration'));
    client.create(configuration('MutatingWebhookConfiguration'));
    api.bindWebhook(
      { namespace: 'default', name: 'hook' },
      () => true,
      ({ object, operation }) => {
        const spec = object['spec'] as { size: number; code?: string };
        if (spec.size === 7) return { allowed: false, message: 'seven is taken' };
        return {
          allowed: true,
          object: { ...object, spec: { ...spec, code: operation === 'CREATE' ? 'new' : 'old' } },
        };
      },
    );
    expect(() => client.create(widget('w', { size: 7 }))).toThrow(
      refused(403, 'admission webhook "check.widget.example.org" denied the request: seven is taken'),
    );
    expect(client.create(widget('w'))['spec']).toMatchObject({ code: 'new' });
    expect(client.patch(REF, { spec: { size: 2 } })['spec']).toMatchObject({ code: 'old' });
  });
});
