import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { errorRegistry } from '#domain/errors/registry.ts';
import { managedDocument } from '#domain/managed/schema.ts';
import { clusterDocument } from '#domain/spec/schema.ts';
import { queueMessage } from '#domain/message.ts';
import { storageDocument } from '#test/full/storage/document.ts';
import { conditionFile, grantCondition, grantedRoles, roleDefinitions } from './role/definitions.ts';
import { requestReference } from './reference.ts';

/**
 * Writes what is made from the code: the JSON Schemas, the request reference, the page of errors and the
 * index of the local components. `--check` writes
 * nothing and exits 1 when a file is not up to date.
 */
const root = path.dirname(import.meta.dirname);
const check = process.argv.includes('--check');

const clusterSchema = { title: 'Capstan cluster', ...z.toJSONSchema(clusterDocument, { io: 'input' }) };
const managedSchema = { title: 'Capstan AKS cluster', ...z.toJSONSchema(managedDocument, { io: 'input' }) };

function errorsPage(): string {
  const rows = Object.entries(errorRegistry)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, entry]) =>
        `## ${code}: ${entry.title}\n\n- **Cause.** ${entry.cause}\n- **What to do.** ${entry.remedy}\n`,
    );
  return `# Errors\n\nEvery error a person can meet has a stable code. Made from \`domain/errors\` by \`npm run generate\`.\n\n${rows.join('\n')}`;
}

/** The custom roles as `az role definition create` takes them; the subscription is filled in by whoever uses them. */
const roles = Object.entries(roleDefinitions(['/subscriptions/00000000-0000-0000-0000-000000000000'])).map(
  ([name, role]) => [`infra/roles/${name}.json`, `${JSON.stringify(role, undefined, 2)}\n`] as const,
);

const conditions = grantedRoles.map((role) => [`infra/roles/${conditionFile(role)}`, grantCondition(role)] as const);

/** The index of the local run's component manifests, with the digests that the app checks before it applies them. */
function localComponents(): string {
  const folder = path.join(root, 'local/components');
  const text = readFileSync(path.join(folder, 'index.json'), 'utf8');
  const index = JSON.parse(text) as readonly { file: string }[];
  const rows = index.map((row) => ({
    ...row,
    sha256: createHash('sha256')
      .update(readFileSync(path.join(folder, row.file)))
      .digest('hex'),
  }));
  // Right digests stay as the formatter lays them out.
  return JSON.stringify(rows) === JSON.stringify(index) ? text : `${JSON.stringify(rows, undefined, 2)}\n`;
}

const files: Readonly<Record<string, string>> = {
  ...Object.fromEntries([...roles, ...conditions]),
  'schemas/cluster.json': `${JSON.stringify(clusterSchema, undefined, 2)}\n`,
  'schemas/managed-cluster.json': `${JSON.stringify(managedSchema, undefined, 2)}\n`,
  'schemas/message.json': `${JSON.stringify({ title: 'Message on cluster-requests', ...z.toJSONSchema(queueMessage, { io: 'input' }) }, undefined, 2)}\n`,
  'docs/request-reference.md': requestReference(clusterSchema, managedSchema),
  'docs/errors.md': errorsPage(),
  'local/components/index.json': localComponents(),
  'docs/storage.md': storageDocument(),
};

const stale: string[] = [];
for (const [name, text] of Object.entries(files)) {
  const file = path.join(root, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale.push(name);
  if (check) continue;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}
console.log(
  stale.length === 0
    ? 'generated files are up to date'
    : `${check ? 'not up to date' : 'written'}: ${stale.join(', ')}`,
);
if (check && stale.length > 0) process.exitCode = 1;
