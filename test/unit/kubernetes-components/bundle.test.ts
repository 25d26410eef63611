import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { componentVersions } from '#domain/cluster-api/versions.ts';
import { readBundle } from '#kubernetes/components/bundle.ts';

const folder = join(import.meta.dirname, '../../../local/components');
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

/** The container of the local run; `change` replaces the text of a file, undefined takes it away. */
function container(change: Record<string, string | undefined> = {}) {
  return async (name: string) => (name in change ? change[name] : readFileSync(join(folder, name), 'utf8'));
}
const index = readFileSync(join(folder, 'index.json'), 'utf8');

test('what was pulled is read, in the releases this Capstan is made for', async () => {
  const bundle: any = await readBundle({ read: container(), indexSha256: sha(index) });
  expect(bundle.components.map(({ name, version }: any) => [name, version])).toEqual(
    componentVersions.map(({ name, version }) => [name, version]),
  );
  expect(bundle.components[0].manifest).toContain('kind:');
});

test('one changed byte of one file ends it with both digests, before anything is applied', async () => {
  const file = 'kubeadm-bootstrap.yaml';
  const text = `${readFileSync(join(folder, file), 'utf8')} `;
  expect(await readBundle({ read: container({ [file]: text }) })).toMatchObject({
    error: {
      code: 'CAP-5005',
      where: expect.stringContaining(file),
      cause: expect.stringMatching(new RegExp(`${sha(text)}, index.json says [0-9a-f]{64}`)),
    },
  });
});

test('an index that agrees with changed files is caught by its own pin, and another release by its version', async () => {
  const forged = index.replace(/"sha256": "[0-9a-f]{64}"/, `"sha256": "${sha('forged')}"`);
  const read = container({ 'index.json': forged, 'cloud-provider-azure.yaml': 'forged' });
  expect(await readBundle({ read })).toHaveProperty('components');
  expect(await readBundle({ read, indexSha256: sha(index) })).toMatchObject({
    error: { code: 'CAP-5005', where: expect.stringContaining('index.json') },
  });
  const older = index.replace('"v1.26.0"', '"v1.25.0"');
  expect(await readBundle({ read: container({ 'index.json': older }) })).toMatchObject({
    error: { code: 'CAP-5005', cause: expect.stringMatching(/v1\.25\.0, the pin is v1\.26\.0/) },
  });
});

test('what is missing is named: the index, a file, a component, the digests', async () => {
  const problem = async (change: Record<string, string | undefined>) =>
    ((await readBundle({ read: container(change) })) as any).error;
  expect(await problem({ 'index.json': undefined })).toMatchObject({ code: 'CAP-5001' });
  expect((await problem({ 'calico.yaml': undefined })).where).toContain('calico.yaml');
  const rows = JSON.parse(index);
  expect((await problem({ 'index.json': JSON.stringify(rows.slice(1)) })).where).toContain('cloud-provider-azure');
  const bare = JSON.stringify(rows.map((row: any) => ({ ...row, sha256: undefined })));
  expect((await problem({ 'index.json': bare })).cause).toContain('digests');
});
