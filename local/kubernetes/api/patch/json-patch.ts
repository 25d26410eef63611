import { badRequest, plainFailure } from '../errors.ts';
import { asString, clone, equal, isObject, type JsonObject } from '../json.ts';

/**
 * JSON patch (RFC 6902) on a copy of the document. Throws 400 for a malformed patch and 422 for one that does not fit
 * the document (missing path, failed test), as the API server does.
 */
export function jsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type jsonpatch.Patch');
  const root = { document: clone(document) };
  for (const operation of patch) applyOperation(root, operation);
  return root.document;
}

function applyOperation(root: { document: unknown }, operation: unknown): void {
  if (!isObject(operation)) throw badRequest('error decoding patch: an operation is no object');
  const kind = asString(operation['op']) ?? '';
  const path = pointer(operation['path']);
  switch (kind) {
    case 'add':
      write(root, path, clone(operation['value']), true);
      return;
    case 'replace':
      read(root, path);
      write(root, path, clone(operation['value']), false);
      return;
    case 'remove':
      remove(root, path);
      return;
    case 'test':
      if (!equal(read(root, path), operation['value'])) throw unfit(`testing value ${text(path)} failed`);
      return;
    case 'copy':
      write(root, path, clone(read(root, pointer(operation['from']))), true);
      return;
    case 'move': {
      const from = pointer(operation['from']);
      const value = read(root, from);
      remove(root, from);
      write(root, path, value, true);
      return;
    }
    default:
      throw badRequest(`error decoding patch: unexpected kind: ${kind}`);
  }
}

function unfit(message: string): Error {
  return plainFailure(422, 'Invalid', `the server rejected our request due to an error in our request: ${message}`);
}

function text(path: readonly string[]): string {
  return `/${path.join('/')}`;
}

function pointer(value: unknown): string[] {
  const raw = asString(value);
  if (raw === undefined || (raw !== '' && !raw.startsWith('/')))
    throw badRequest('error decoding patch: bad JSON pointer');
  return raw === ''
    ? []
    : raw
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(root: { document: unknown }, path: readonly string[]): unknown {
  let current: unknown = root.document;
  for (const step of path) {
    if (Array.isArray(current)) current = current[indexOf(current, step, false)];
    else if (isObject(current) && Object.hasOwn(current, step)) current = current[step];
    else throw unfit(`missing path ${text(path)}`);
  }
  return current;
}

function indexOf(list: readonly unknown[], step: string, adding: boolean): number {
  if (adding && step === '-') return list.length;
  const index = /^(0|[1-9]\d*)$/.test(step) ? Number(step) : -1;
  if (index < 0 || index >= list.length + (adding ? 1 : 0)) throw unfit(`array index out of range: ${step}`);
  return index;
}

function write(root: { document: unknown }, path: readonly string[], value: unknown, adding: boolean): void {
  const last = path.at(-1);
  if (last === undefined) {
    root.document = value;
    return;
  }
  const parent = read(root, path.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = indexOf(parent, last, adding);
    parent.splice(index, adding ? 0 : 1, value);
  } else if (isObject(parent)) {
    (parent satisfies JsonObject)[last] = value;
  } else {
    throw unfit(`missing path ${text(path)}`);
  }
}

function remove(root: { document: unknown }, path: readonly string[]): void {
  read(root, path);
  const last = path.at(-1);
  if (last === undefined) throw unfit('the whole document cannot be removed');
  const parent = read(root, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(indexOf(parent, last, false), 1);
  else if (isObject(parent)) delete parent[last];
}
