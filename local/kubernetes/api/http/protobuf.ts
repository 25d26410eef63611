import { plainFailure, unsupportedMediaType } from '../errors.ts';
import type { JsonObject } from '../json.ts';

/*
 * Kubernetes protobuf bodies ("k8s\0" and a runtime.Unknown). kubectl's typed commands (create namespace, create
 * configmap, auth can-i, …) send them. Only the messages of those commands are known here; field numbers are those of
 * the generated.proto files of the Kubernetes API. Anything else is a 415 that says what to do.
 */
type Field = readonly [name: string, type: string];
type Message = Readonly<Record<number, Field>>;

const OBJECT_META = 'ObjectMeta';

const MESSAGES: Readonly<Record<string, Message>> = {
  ObjectMeta: {
    1: ['name', 'string'],
    2: ['generateName', 'string'],
    3: ['namespace', 'string'],
    4: ['selfLink', 'skip'],
    5: ['uid', 'string'],
    6: ['resourceVersion', 'string'],
    7: ['generation', 'skip'],
    8: ['creationTimestamp', 'skip'],
    11: ['labels', 'map'],
    12: ['annotations', 'map'],
    14: ['finalizers', 'string[]'],
  },
  Namespace: { 1: ['metadata', OBJECT_META], 2: ['spec', 'NamespaceSpec'], 3: ['status', 'skip'] },
  NamespaceSpec: { 1: ['finalizers', 'string[]'] },
  ConfigMap: {
    1: ['metadata', OBJECT_META],
    2: ['data', 'map'],
    3: ['binaryData', 'bytesMap'],
    4: ['immutable', 'bool'],
  },
  Secret: {
    1: ['metadata', OBJECT_META],
    2: ['data', 'bytesMap'],
    3: ['type', 'string'],
    4: ['stringData', 'map'],
    5: ['immutable', 'bool'],
  },
  ServiceAccount: { 1: ['metadata', OBJECT_META], 4: ['automountServiceAccountToken', 'bool'] },
  SelfSubjectAccessReview: { 1: ['metadata', OBJECT_META], 2: ['spec', 'AccessReviewSpec'], 3: ['status', 'skip'] },
  SelfSubjectReview: { 1: ['metadata', OBJECT_META], 2: ['status', 'skip'] },
  AccessReviewSpec: {
    1: ['resourceAttributes', 'ResourceAttributes'],
    2: ['nonResourceAttributes', 'NonResourceAttributes'],
  },
  ResourceAttributes: {
    1: ['namespace', 'string'],
    2: ['verb', 'string'],
    3: ['group', 'string'],
    4: ['version', 'string'],
    5: ['resource', 'string'],
    6: ['subresource', 'string'],
    7: ['name', 'string'],
  },
  NonResourceAttributes: { 1: ['path', 'string'], 2: ['verb', 'string'] },
  ClusterRoleBinding: { 1: ['metadata', OBJECT_META], 2: ['subjects', 'Subject[]'], 3: ['roleRef', 'RoleRef'] },
  RoleBinding: { 1: ['metadata', OBJECT_META], 2: ['subjects', 'Subject[]'], 3: ['roleRef', 'RoleRef'] },
  Subject: { 1: ['kind', 'string'], 2: ['apiGroup', 'string'], 3: ['name', 'string'], 4: ['namespace', 'string'] },
  RoleRef: { 1: ['apiGroup', 'string'], 2: ['kind', 'string'], 3: ['name', 'string'] },
  Deployment: { 1: ['metadata', OBJECT_META], 2: ['spec', 'DeploymentSpec'], 3: ['status', 'skip'] },
  DeploymentSpec: {
    1: ['replicas', 'int'],
    2: ['selector', 'LabelSelector'],
    3: ['template', 'PodTemplateSpec'],
    4: ['strategy', 'skip'],
    5: ['minReadySeconds', 'int'],
    7: ['paused', 'bool'],
  },
  LabelSelector: { 1: ['matchLabels', 'map'] },
  PodTemplateSpec: { 1: ['metadata', OBJECT_META], 2: ['spec', 'PodSpec'] },
  PodSpec: {
    2: ['containers', 'Container[]'],
    3: ['restartPolicy', 'string'],
    6: ['dnsPolicy', 'string'],
    7: ['nodeSelector', 'map'],
    8: ['serviceAccountName', 'string'],
    9: ['serviceAccount', 'string'],
    10: ['nodeName', 'string'],
    11: ['hostNetwork', 'bool'],
    12: ['hostPID', 'bool'],
    13: ['hostIPC', 'bool'],
    16: ['hostname', 'string'],
    17: ['subdomain', 'string'],
    19: ['schedulerName', 'string'],
    20: ['initContainers', 'Container[]'],
    24: ['priorityClassName', 'string'],
  },
  Container: {
    1: ['name', 'string'],
    2: ['image', 'string'],
    3: ['command', 'string[]'],
    4: ['args', 'string[]'],
    5: ['workingDir', 'string'],
    6: ['ports', 'ContainerPort[]'],
    8: ['resources', 'skip'],
    13: ['terminationMessagePath', 'string'],
    14: ['imagePullPolicy', 'string'],
    16: ['stdin', 'bool'],
    17: ['stdinOnce', 'bool'],
    18: ['tty', 'bool'],
    20: ['terminationMessagePolicy', 'string'],
  },
  ContainerPort: {
    1: ['name', 'string'],
    2: ['hostPort', 'int'],
    3: ['containerPort', 'int'],
    4: ['protocol', 'string'],
    5: ['hostIP', 'string'],
  },
  Eviction: { 1: ['metadata', OBJECT_META], 2: ['deleteOptions', 'DeleteOptions'] },
  DeleteOptions: {
    1: ['gracePeriodSeconds', 'int'],
    2: ['preconditions', 'Preconditions'],
    3: ['orphanDependents', 'bool'],
    4: ['propagationPolicy', 'string'],
    5: ['dryRun', 'string[]'],
  },
  Preconditions: { 1: ['uid', 'string'], 2: ['resourceVersion', 'string'] },
  Unknown: { 1: ['type', 'TypeMeta'], 2: ['raw', 'bytes'], 3: ['encoding', 'string'], 4: ['contentType', 'string'] },
  TypeMeta: { 1: ['apiVersion', 'string'], 2: ['kind', 'string'] },
};

const MAGIC = Buffer.from('k8s\0', 'latin1');

/** Decodes a Kubernetes protobuf body into the JSON form. Throws 415 for a message that is not known here. */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw unsupportedMediaType('the body is no Kubernetes protobuf message');
  const envelope = decodeMessage(body.subarray(MAGIC.length), 'Unknown');
  const { apiVersion, kind } = envelope['type'] as { apiVersion: string; kind: string };
  const raw = Buffer.from(envelope['raw'] as string, 'base64');
  if (MESSAGES[kind] === undefined) throw unknownMessage(kind, '');
  return { apiVersion, kind, ...decodeMessage(raw, kind) };
}

function unknownMessage(message: string, field: string): Error {
  return plainFailure(
    415,
    'UnsupportedMediaType',
    `the simulated API server does not read ${message}${field} from protobuf; send it as JSON or YAML, for example with kubectl apply -f`,
  );
}

interface Reader {
  readonly bytes: Buffer;
  position: number;
}

function decodeMessage(bytes: Buffer, type: string): JsonObject {
  const reader: Reader = { bytes, position: 0 };
  const result: JsonObject = {};
  while (reader.position < bytes.length) {
    const tag = varint(reader);
    const number = tag >> 3;
    const raw = (tag & 7) === 2 ? chunk(reader) : scalar(reader, tag & 7, type);
    const field = MESSAGES[type]?.[number];
    if (field !== undefined) assign(result, field, raw);
    else if (!isBlank(raw)) throw unknownMessage(type, ` (field ${number})`);
  }
  return result;
}

/** Values that mean "not set": Go writes them for members that are no pointers. */
function isBlank(raw: Buffer | number): boolean {
  return typeof raw === 'number' ? raw === 0 : raw.length === 0;
}

function assign(result: JsonObject, [name, type]: Field, raw: Buffer | number): void {
  if (type === 'skip') return;
  if (typeof raw === 'number') {
    if (type === 'bool') result[name] = raw === 1;
    else result[name] = raw;
    return;
  }
  if (type === 'map' || type === 'bytesMap') {
    const entry = decodeEntry(raw);
    const value = type === 'map' ? entry.value.toString() : entry.value.toString('base64');
    result[name] = { ...(result[name] as JsonObject | undefined), [entry.key]: value };
  } else if (type.endsWith('[]')) {
    const item = type === 'string[]' ? raw.toString() : decodeMessage(raw, type.slice(0, -2));
    result[name] = [...((result[name] as unknown[] | undefined) ?? []), item];
  } else if (type === 'string') {
    if (raw.length > 0) result[name] = raw.toString();
  } else {
    result[name] = type === 'bytes' ? raw.toString('base64') : decodeMessage(raw, type);
  }
}

function decodeEntry(bytes: Buffer): { readonly key: string; readonly value: Buffer } {
  const reader: Reader = { bytes, position: 0 };
  let key = '';
  let value: Buffer = Buffer.alloc(0);
  while (reader.position < bytes.length) {
    const tag = varint(reader);
    const part = chunk(reader);
    if (tag >> 3 === 1) key = part.toString();
    else value = part;
  }
  return { key, value };
}

function varint(reader: Reader): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = reader.bytes[reader.position];
    if (byte === undefined) break;
    reader.position += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw plainFailure(400, 'BadRequest', 'the protobuf body ends in the middle of a number');
}

function chunk(reader: Reader): Buffer {
  const length = varint(reader);
  const end = reader.position + length;
  if (end > reader.bytes.length)
    throw plainFailure(400, 'BadRequest', 'the protobuf body ends in the middle of a field');
  const bytes = reader.bytes.subarray(reader.position, end);
  reader.position = end;
  return bytes;
}

function scalar(reader: Reader, wireType: number, type: string): number {
  if (wireType !== 0) throw unknownMessage(type, ` (wire type ${wireType})`);
  return varint(reader);
}
