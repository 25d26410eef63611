import { createHash } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Add-ons of a whole cluster: manifests inline and as blobs, charts by the provider for Helm, each with its own end. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.stop();
});

it('each add-on ends on its own: one that fails is told and tried again, the others are installed', async () => {
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: from-blob }\n';
  const sha256 = createHash('sha256').update(text).digest('hex');
  const chart = { repository: 'https://charts.example.org', name: 'ingress-nginx', version: '4.12.1' };
  const addOns = [
    { name: 'ingress', namespace: 'edge', namespaceLabels: { team: 'edge' }, chart, values: { replicas: 2 } },
    { name: 'blob', namespace: 'blob', manifests: [{ blob: 'maps/one.yaml', sha256 }] },
    { name: 'late', namespace: 'late', layer: 5, chart: { ...chart, name: 'late' } },
  ];
  const document = sampleDocument(
    { controlPlane: { replicas: 1 }, workerPools: [{ name: 'general', replicas: 1 }], addOns },
    'extras',
  );
  await stack.post(document);
  const { status } = await stack.settled('extras');
  expect(status).toMatchObject({ phase: 'Failed', error: { code: 'CAP-6106' } });
  const ends = async () =>
    (await stack.events('extras'))
      .filter(({ type }) => type.startsWith('addOn.'))
      .map(({ type, sentence }) => `${type} ${sentence.split(/[: ]/)[1]}`)
      .toSorted((a, b) => a.localeCompare(b));
  expect(await ends()).toEqual(['addOn.failed blob', 'addOn.installed ingress']);
  const container = BlobServiceClient.fromConnectionString(stack.connectionString).getContainerClient('add-ons');
  await container.createIfNotExists();
  await container.getBlockBlobClient('maps/one.yaml').upload(text, text.length);
  await stack.post(document);
  const again = await stack.until('extras', ({ status: now }) => now.phase === 'Ready');
  expect(again.status.error).toBeUndefined();
  expect(await ends()).toEqual([
    'addOn.failed blob',
    'addOn.installed blob',
    'addOn.installed ingress',
    'addOn.installed ingress',
    'addOn.installed late',
  ]);
});
