/**
 * Writes `surface.json`, the contract of the simulated Azure Resource Manager, from the installed `@azure/arm-*` packages:
 * every operation (method, path template, api-version, query parameters, accepted statuses) and the property names of every
 * request body. Run it after an upgrade of an SDK package: `node local/azure/arm/generate-surface.ts`.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Surface, SurfaceOperation } from './engine/surface.ts';

const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'arm-network': [
    'virtualNetworks',
    'subnets',
    'virtualNetworkPeerings',
    'networkSecurityGroups',
    'securityRules',
    'routeTables',
    'routes',
    'publicIPAddresses',
    'natGateways',
    'loadBalancers',
    'loadBalancerBackendAddressPools',
    'loadBalancerFrontendIPConfigurations',
    'loadBalancerLoadBalancingRules',
    'loadBalancerOutboundRules',
    'loadBalancerProbes',
    'inboundNatRules',
    'networkInterfaces',
    'usages',
  ],
  'arm-compute': [
    'virtualMachines',
    'virtualMachineExtensions',
    'virtualMachineScaleSets',
    'disks',
    'snapshots',
    'images',
    'galleries',
    'galleryImages',
    'galleryImageVersions',
    'availabilitySets',
    'resourceSkus',
    'usage',
  ],
  'arm-storage': ['storageAccounts', 'blobContainers', 'blobServices', 'usages'],
  'arm-containerservice': ['managedClusters', 'agentPools'],
  'arm-resources': ['resourceGroups', 'providers', 'resources', 'tagsOperations'],
};

const MAPPER_PACKAGES: Readonly<Record<string, { readonly root: string; readonly groups: readonly string[] }>> = {
  'arm-msi': { root: 'dist/esm', groups: ['userAssignedIdentities', 'federatedIdentityCredentials'] },
  'arm-authorization': { root: 'dist-esm/src', groups: ['roleAssignments', 'roleDefinitions', 'permissions'] },
};

type Shapes = Record<string, Record<string, string>>;

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    return statSync(file).isDirectory() ? filesBelow(file) : name.endsWith('.js') ? [file] : [];
  });
}

/** Splits a module into its functions: name -> text up to the next top-level function. */
function functionsOf(source: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const piece of source.split(/^export (?:async )?function /mu).slice(1)) {
    const name = /^[\w$]+/u.exec(piece)?.[0];
    if (name !== undefined) found.set(name, piece);
  }
  return found;
}

function childOf(text: string): string {
  const child = /(\w+)(?:Des|S)erializer\(/u.exec(text.replace(/^_?areAllPropsUndefined\([\s\S]*?\]\)/u, ''))?.[1];
  return child === undefined || child === 'record' || child.endsWith('Record') ? '' : child;
}

/** Wire properties of one model: those it serializes and the read-only ones that it only deserializes. */
function shapeOf(name: string, functions: ReadonlyMap<string, string>): Record<string, string> | undefined {
  const serializer = functions.get(`${name}Serializer`);
  if (serializer === undefined || !serializer.includes('return {')) return undefined;
  const shape: Record<string, string> = {};
  // A small model stands on the line of the `return`.
  const entries = serializer.replace(
    /return \{ (?<members>[\w"$]+: .*) \};/u,
    (_, members: string) => `return {\n        ${members.replaceAll(/, (?=[\w"$]+: )/gu, ',\n        ')},\n    };`,
  );
  for (const entry of entries.split(/\n {8}(?=[\w"$]+: )/u).slice(1)) {
    const key = /^"?([^":]+)"?:/u.exec(entry)?.[1];
    if (key !== undefined) shape[key] = childOf(entry.slice(key.length + 1));
  }
  const deserializer = functions.get(`${name}Deserializer`) ?? '';
  for (const match of deserializer.matchAll(/item\["([^"]+)"\]/gu)) shape[match[1] ?? ''] ??= '';
  for (const match of deserializer.matchAll(/(\w+)Deserializer\(item\["([^"]+)"\]\)/gu)) {
    const [, child = '', key = ''] = match;
    if (shape[key] === '' && !child.endsWith('Record')) shape[key] = child;
  }
  // A discriminated or open-ended model (`...item`) is not checked below this point.
  return serializer.includes('...item') || serializer.includes('...serializeRecord') ? { '*': '' } : shape;
}

function shapesOf(root: string): Shapes {
  const shapes: Shapes = {};
  for (const file of filesBelow(path.join(root, 'dist/esm/models'))) {
    const functions = functionsOf(readFileSync(file, 'utf8'));
    for (const [functionName, text] of functions) {
      if (!functionName.endsWith('Serializer')) continue;
      const name = functionName.slice(0, -'Serializer'.length);
      const element = /\.map\(\(item\) => \{\s*return (\w+)Serializer\(/u.exec(text)?.[1];
      const shape = element === undefined ? shapeOf(name, functions) : { '[]': element };
      shapes[name] = { ...shapes[name], ...(shape ?? { '*': '' }) };
    }
  }
  return shapes;
}

function sendOperations(pkg: string, group: string, source: string): SurfaceOperation[] {
  const functions = functionsOf(source);
  const operations: SurfaceOperation[] = [];
  for (const [name, text] of functions) {
    const op = /^_\$?(\w+)Send$/u.exec(name)?.[1];
    const template = /expandUrlTemplate\("([^"]+)"/u.exec(text)?.[1];
    const method = /\.(get|put|post|patch|delete|head)\(\{/u.exec(text)?.[1];
    if (op === undefined || template === undefined || method === undefined) continue;
    const statuses = /expectedStatuses = (\[[^\]]*\])/u.exec(
      functions.get(name.replace(/Send$/u, 'Deserialize')) ?? '',
    );
    const query = /\{\?([^}]+)\}/u.exec(template)?.[1]?.split(',') ?? [];
    const body = /body: (?:[^,\n]*\? [^:]*: )?(\w+)Serializer\(/u.exec(text)?.[1];
    const version = /"api%2Dversion": [^\n]*?"([\d-]+(?:-preview)?)"/u.exec(text)?.[1] ?? '*';
    operations.push({
      pkg,
      group,
      op,
      method: method.toUpperCase(),
      path: template.replace(/\{\?.*$/u, '').replaceAll('{+', '{'),
      version,
      query: query.map((name) => decodeURIComponent(name)).filter((name) => name !== 'api-version'),
      statuses: (JSON.parse(statuses?.[1] ?? '[]') as string[]).map(Number),
      ...(body === undefined ? {} : { body: `${pkg}:${body}` }),
    });
  }
  return operations;
}

interface Mapper {
  readonly serializedName?: string;
  readonly type: {
    readonly name: string;
    readonly className?: string;
    readonly modelProperties?: Readonly<Record<string, Mapper>>;
  };
}

/** Shape of an older, mapper-based model; `properties.x` names are folded into a nested shape. */
function mapperShape(pkg: string, name: string, mappers: Readonly<Record<string, Mapper>>, shapes: Shapes): void {
  if (shapes[`${pkg}:${name}`] !== undefined) return;
  const own: Record<string, string> = {};
  shapes[`${pkg}:${name}`] = own;
  const nested: Record<string, string> = {};
  for (const property of Object.values(mappers[name]?.type.modelProperties ?? {})) {
    const child = property.type.name === 'Composite' ? (property.type.className ?? '') : '';
    if (child !== '') mapperShape(pkg, child, mappers, shapes);
    const [first = '', ...rest] = (property.serializedName ?? '').split('.');
    if (rest.length > 0) nested[rest.join('.')] = child === '' ? '' : `${pkg}:${child}`;
    else own[first] = child === '' ? '' : `${pkg}:${child}`;
  }
  if (Object.keys(nested).length === 0) return;
  own['properties'] = `${pkg}:${name}.properties`;
  shapes[`${pkg}:${name}.properties`] = nested;
}

async function mapperOperations(
  pkg: string,
  root: string,
  groups: readonly string[],
  shapes: Shapes,
): Promise<SurfaceOperation[]> {
  const parameters = new Map<string, string>();
  for (const piece of readFileSync(path.join(root, 'models/parameters.js'), 'utf8')
    .split(/^export const /mu)
    .slice(1)) {
    parameters.set(/^[\w$]+/u.exec(piece)?.[0] ?? '', piece);
  }
  const mappers = (await import(path.resolve(root, 'models/mappers.js'))) as Record<string, Mapper>;
  return groups.flatMap((group) =>
    readFileSync(path.join(root, 'operations', `${group}.js`), 'utf8')
      .split(/^const (?=\w+OperationSpec = \{)/mu)
      .slice(1)
      .filter((text) => !text.startsWith('listNext') && !/^\w+NextOperationSpec/u.test(text))
      .map((text) => {
        const query = /queryParameters: \[([\s\S]*?)\]/u.exec(text)?.[1]?.matchAll(/Parameters\.([\w$]+)/gu) ?? [];
        const names = [...query].map((match) => parameters.get(match[1] ?? '') ?? '');
        const bodyParameter = parameters.get(/requestBody: Parameters\.([\w$]+)/u.exec(text)?.[1] ?? '');
        const body = /mapper: (\w+)/u.exec(bodyParameter ?? '')?.[1]?.replace(/Mapper$/u, '');
        if (body !== undefined) mapperShape(pkg, body, mappers, shapes);
        return {
          pkg,
          group,
          op: /^(\w+)OperationSpec/u.exec(text)?.[1] ?? '',
          method: /httpMethod: "(\w+)"/u.exec(text)?.[1] ?? '',
          path: /path: "([^"]+)"/u.exec(text)?.[1] ?? '',
          version:
            names
              .map((piece) => /defaultValue: "([\d-]+[\w-]*)"/u.exec(piece)?.[1])
              .find((value) => value !== undefined) ?? '*',
          query: names
            .map((piece) => /serializedName: "([^"]+)"/u.exec(piece)?.[1] ?? '')
            .filter((name) => name !== 'api-version' && name !== ''),
          statuses: [...text.matchAll(/^ {8}(\d{3}): /gmu)].map((match) => Number(match[1])),
          ...(body === undefined ? {} : { body: `${pkg}:${body}` }),
        };
      }),
  );
}

/** Keeps only the shapes that some request body reaches. */
function reachable(operations: readonly SurfaceOperation[], shapes: Shapes): Shapes {
  const kept: Shapes = {};
  const visit = (name: string): void => {
    const shape = shapes[name];
    if (shape === undefined || kept[name] !== undefined) return;
    kept[name] = shape;
    for (const child of Object.values(shape)) if (child !== '') visit(child);
  };
  for (const operation of operations) if (operation.body !== undefined) visit(operation.body);
  return kept;
}

/** Extracts the surface from the packages installed below `modules` (a node_modules/@azure folder). */
export async function extractSurface(modules: string): Promise<Surface> {
  const operations: SurfaceOperation[] = [];
  const shapes: Shapes = {};
  for (const [pkg, groups] of Object.entries(PACKAGES)) {
    const root = path.join(modules, pkg);
    for (const group of groups) {
      const file = path.join(root, 'dist/esm/api', group, 'operations.js');
      if (!existsSync(file)) throw new Error(`${pkg} has no operation group ${group} any more: ${file} is missing`);
      operations.push(...sendOperations(pkg, group, readFileSync(file, 'utf8')));
    }
    for (const [name, shape] of Object.entries(shapesOf(root))) {
      const renamed = Object.entries(shape).map(
        ([key, child]) => [key, child === '' ? '' : `${pkg}:${child}`] as const,
      );
      shapes[`${pkg}:${name}`] = Object.fromEntries(renamed);
    }
  }
  for (const [pkg, { root, groups }] of Object.entries(MAPPER_PACKAGES)) {
    // oxlint-disable-next-line no-await-in-loop -- importing these packages at once fails on Node 24
    operations.push(...(await mapperOperations(pkg, path.join(modules, pkg, root), groups, shapes)));
  }
  return { operations, shapes: reachable(operations, shapes) };
}

if (import.meta.main) {
  const root = path.resolve(import.meta.dirname, '../../..');
  const surface = await extractSurface(path.join(root, 'node_modules/@azure'));
  writeFileSync(path.join(import.meta.dirname, 'surface.json'), `${JSON.stringify(surface)}\n`);
}
