import { createSimulatedApi } from '#local/kubernetes/api/index.ts';

/* Writes config maps without end and prints each acknowledged name; the test kills this process in the middle. */
const api = createSimulatedApi({ file: process.argv[2] ?? '', kubernetesVersion: 'v1.33.4', now: () => Date.now() });
const client = api.client('writer');
for (let index = 0; ; index += 1) {
  const name = `c${index}`;
  client.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { index: String(index) },
  });
  process.stdout.write(`${name}\n`);
  await new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
}
