import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { asObject, type JsonObject } from '#local/kubernetes/api/json.ts';
import { createSimulatedApi, type SimulatedApiServer } from '#local/kubernetes/api/index.ts';
import type { ApiClient, KubeObject } from '#local/kubernetes/contract.ts';
import { WIDGET_CRD } from './widget-crd.ts';

const REFERENCE = new URL('../../../../shared/reference/', import.meta.url);
const CRDS = new URL('crds/', REFERENCE);
const present = existsSync(CRDS);
if (!present) console.log('The published Cluster API CRDs are not here: their tests are skipped.');

function realCrds(): KubeObject[] {
  const files = readdirSync(CRDS).filter((file) => file.endsWith('.yaml'));
  return files.map((file) => parse(readFileSync(new URL(file, CRDS), 'utf8')) as KubeObject);
}

let api: SimulatedApiServer;
let client: ApiClient;

beforeEach(() => {
  api = createSimulatedApi({ file: ':memory:', kubernetesVersion: 'v1.33.4', now: () => Date.now() });
  client = api.client('admin');
});

afterEach(() => api.close());

describe('CustomResourceDefinitions', () => {
  it('are established at once, keep what was stored, and are refused when they cannot work', () => {
    expect(client.create(WIDGET_CRD)['status']).toMatchObject({
      conditions: [
        { type: 'NamesAccepted', status: 'True' },
        { type: 'Established', status: 'True' },
      ],
      storedVersions: ['v1'],
    });
    const spec = asObject(WIDGET_CRD['spec']);
    expect(() => client.create({ ...WIDGET_CRD, metadata: { name: 'other.example.org' } })).toThrow(
      /must be spec\.names\.plural/,
    );
    const versions = (spec['versions'] as JsonObject[]).map((version) => ({ ...version, storage: false }));
    const crd = {
      ...WIDGET_CRD,
      metadata: { name: 'gadgets.example.org' },
      spec: { ...spec, names: { plural: 'gadgets', kind: 'Gadget' }, versions },
    };
    expect(() => client.create(crd)).toThrow(/exactly one version marked as storage/);
  });
});

describe.skipIf(!present)('the published Cluster API CRDs', () => {
  it('are all established and served', () => {
    for (const crd of realCrds()) client.create(crd);
    const crds = client.list({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
    expect(crds.length).toBeGreaterThanOrEqual(36);
    expect(client.list({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine' })).toEqual([]);
    expect(client.list({ apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1', kind: 'AzureMachine' })).toEqual([]);
  });

  it('accept every document of the adoption sample with its status, and prune nothing of it', () => {
    for (const crd of realCrds()) client.create(crd);
    const documents = parseAllDocuments(readFileSync(new URL('adoption-sample.yaml', REFERENCE), 'utf8')).flatMap(
      (document) => {
        const value = document.toJS() as KubeObject | null;
        return value === null || value.kind === 'Namespace' ? [] : [value];
      },
    );
    const [first] = documents;
    client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: first?.metadata.namespace ?? '' } });
    for (const document of documents) {
      const { name, namespace, labels, annotations, finalizers } = document.metadata;
      const given = {
        ...(labels && { labels }),
        ...(annotations && { annotations }),
        ...(finalizers && { finalizers }),
      };
      const made = client.create({ ...document, metadata: { name, ...(namespace && { namespace }), ...given } });
      if (document['spec'] !== undefined) expect(made['spec']).toMatchObject(asObject(document['spec']));
      if (document['status'] === undefined) continue;
      const ref = { apiVersion: document.apiVersion, kind: document.kind, namespace: namespace ?? '', name };
      expect(client.patch(ref, { status: document['status'] }, 'status')['status']).toMatchObject(
        asObject(document['status']),
      );
    }
  });

  it('refuse what the real schemas refuse', () => {
    for (const crd of realCrds()) client.create(crd);
    const cluster = (spec: JsonObject): KubeObject => ({
      apiVersion: 'cluster.x-k8s.io/v1beta2',
      kind: 'Cluster',
      metadata: { name: 'c', namespace: 'default' },
      spec,
    });
    const port = { controlPlaneEndpoint: { host: 'h', port: 70_000 } };
    expect(() => client.create(cluster(port))).toThrow(/spec\.controlPlaneEndpoint\.port: Invalid value: 70000/);
    expect(() =>
      client.create({
        apiVersion: 'cluster.x-k8s.io/v1beta2',
        kind: 'Machine',
        metadata: { name: 'm', namespace: 'default' },
        spec: {},
      }),
    ).toThrow(/spec\.clusterName: Required value/);
  });
});
