/** A JSON Schema node, as far as the reference needs it. */
interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly anyOf?: readonly SchemaNode[];
}

/** The request reference: one row per field of the schema. */
export function requestReference(cluster: object, managed: object): string {
  return [
    '# Request reference',
    '',
    'Every field of a cluster document, made from the schema (`schemas/cluster.json`) by `npm run generate`.',
    '',
    '| field | type | default | what it is |',
    '| --- | --- | --- | --- |',
    ...rowsOf(cluster),
    '',
    '## AKS clusters',
    '',
    'Every field of a document with `kind: ManagedCluster` (`schemas/managed-cluster.json`); [aks.md](aks.md) says how they work.',
    '',
    '| field | type | default | what it is |',
    '| --- | --- | --- | --- |',
    ...rowsOf(managed),
    '',
  ].join('\n');
}

function rowsOf(schema: object): readonly string[] {
  const rows: string[] = [];
  walk(schema, '', true, rows);
  return rows;
}

function walk(node: SchemaNode, path: string, required: boolean, rows: string[]): void {
  if (path !== '')
    rows.push(
      `| \`${path}\` | ${typeText(node)} | ${defaultText(node, required)} | ${(node.description ?? '').replaceAll('|', '\\|')} |`,
    );
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    walk(child, path === '' ? name : `${path}.${name}`, node.required?.includes(name) ?? false, rows);
  }
  if (node.items?.properties !== undefined) {
    for (const [name, child] of Object.entries(node.items.properties)) {
      walk(child, `${path}[].${name}`, node.items.required?.includes(name) ?? false, rows);
    }
  }
}

function typeText(node: SchemaNode): string {
  if (node.const !== undefined) return `\`${JSON.stringify(node.const).replaceAll('"', '')}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.anyOf !== undefined) return node.anyOf.map(typeText).join(' or ');
  if (node.type === 'array') return `list of ${node.items === undefined ? 'values' : typeText(node.items)}`;
  if (node.type === 'object' && typeof node.additionalProperties === 'object') return 'map of text';
  const limits = [
    ...(node.minimum === undefined || node.minimum < -1e9 ? [] : [`from ${node.minimum}`]),
    ...(node.maximum === undefined || node.maximum > 1e9 ? [] : [`to ${node.maximum}`]),
    ...(node.maxLength === undefined ? [] : [`at most ${node.maxLength} characters`]),
  ];
  return [node.type ?? 'any', ...limits].join(' ');
}

function defaultText(node: SchemaNode, required: boolean): string {
  if (node.default !== undefined && (typeof node.default !== 'object' || Object.keys(node.default ?? {}).length === 0))
    return `\`${JSON.stringify(node.default)}\``;
  return required && node.default === undefined ? 'required' : '';
}
