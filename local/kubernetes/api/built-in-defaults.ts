import { createHash } from 'node:crypto';
import type { KubeObject } from '../contract.ts';
import { asArray, asObject, asString, at, isObject, type JsonObject, textOf } from './json.ts';

/*
 * Defaults of the built-in kinds (Kubernetes API reference). Only what readers of the simulated cluster rely on; fields
 * that are not listed stay as the client sent them.
 */
const RULES: Readonly<Record<string, (object: KubeObject) => void>> = {
  Namespace: defaultNamespace,
  Secret: foldSecret,
  Service: defaultService,
  Pod: (object) => defaultPodSpec(memberOf(object, 'spec'), 'Always'),
  Deployment: defaultDeployment,
  DaemonSet: defaultDaemonSet,
  StatefulSet: (object) => defaultReplicated(object),
  ReplicaSet: (object) => defaultReplicated(object),
  Job: defaultJob,
  StorageClass: (object) => fill(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  PersistentVolumeClaim: (object) => fill(memberOf(object, 'spec'), { volumeMode: 'Filesystem' }),
  ValidatingWebhookConfiguration: defaultWebhooks,
  MutatingWebhookConfiguration: defaultWebhooks,
  ClusterRoleBinding: defaultBinding,
  RoleBinding: defaultBinding,
  CustomResourceDefinition: defaultCrd,
};

/** Initial status that the API server itself writes at creation. */
const INITIAL_STATUS: Readonly<Record<string, JsonObject>> = {
  Namespace: { phase: 'Active' },
  Pod: { phase: 'Pending', qosClass: 'BestEffort' },
  PersistentVolumeClaim: { phase: 'Pending' },
  PersistentVolume: { phase: 'Pending' },
  Service: { loadBalancer: {} },
  Deployment: {},
  DaemonSet: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  ReplicaSet: { replicas: 0 },
  StatefulSet: { replicas: 0, availableReplicas: 0 },
  Job: {},
};

/** Fills in place what the API server defaults for a built-in kind, and folds write-only fields. */
export function defaultBuiltIn(object: KubeObject): void {
  RULES[object.kind]?.(object);
}

/** Status of a new object of a built-in kind; `undefined` when it starts without one. */
export function initialStatus(kind: string): JsonObject | undefined {
  return INITIAL_STATUS[kind];
}

function memberOf(object: JsonObject, name: string): JsonObject {
  const member = object[name];
  if (isObject(member)) return member;
  const created: JsonObject = {};
  object[name] = created;
  return created;
}

function fill(object: JsonObject, defaults: JsonObject): void {
  for (const [key, value] of Object.entries(defaults))
    if (object[key] === undefined) object[key] = structuredClone(value);
}

function defaultNamespace(object: KubeObject): void {
  object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  if (object.metadata.deletionTimestamp === undefined) fill(memberOf(object, 'spec'), { finalizers: ['kubernetes'] });
}

function foldSecret(object: KubeObject): void {
  fill(object, { type: 'Opaque' });
  const text = object['stringData'];
  if (!isObject(text)) return;
  const data = memberOf(object, 'data');
  for (const [key, value] of Object.entries(text)) data[key] = Buffer.from(textOf(value)).toString('base64');
  delete object['stringData'];
}

function defaultService(object: KubeObject): void {
  const spec = memberOf(object, 'spec');
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  for (const port of asArray(spec['ports']).filter(isObject)) fill(port, { protocol: 'TCP', targetPort: port['port'] });
  if (spec['type'] === 'ExternalName') return;
  fill(spec, { internalTrafficPolicy: 'Cluster', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
  const ip = asString(spec['clusterIP']) ?? clusterIp(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
  spec['clusterIP'] = ip;
  fill(spec, { clusterIPs: [ip] });
}

/** A stable address inside 10.96.0.0/12, kubeadm's default service range. */
function clusterIp(key: string): string {
  const [a = 0, b = 0, c = 0] = createHash('sha256').update(key).digest();
  return `10.${96 + (a % 16)}.${b}.${1 + (c % 254)}`;
}

function defaultPodSpec(spec: JsonObject, restartPolicy: string): void {
  fill(spec, {
    restartPolicy,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
  });
  const containers = [...asArray(spec['containers']), ...asArray(spec['initContainers'])].filter(isObject);
  for (const container of containers) {
    const image = asString(container['image']) ?? '';
    const latest = image.endsWith(':latest') || !/[:@][^/]*$/.test(image);
    fill(container, {
      imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
      resources: {},
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
    });
    for (const port of asArray(container['ports']).filter(isObject)) fill(port, { protocol: 'TCP' });
  }
}

function defaultTemplate(object: KubeObject, restartPolicy = 'Always'): void {
  const template = at(object, 'spec', 'template');
  if (isObject(template) && isObject(template['spec'])) defaultPodSpec(template['spec'], restartPolicy);
}

function defaultReplicated(object: KubeObject): void {
  fill(memberOf(object, 'spec'), { replicas: 1 });
  defaultTemplate(object);
}

function defaultDeployment(object: KubeObject): void {
  defaultReplicated(object);
  const spec = memberOf(object, 'spec');
  fill(spec, { revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: { type: 'RollingUpdate' } });
  const strategy = memberOf(spec, 'strategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate')
    fill(memberOf(strategy, 'rollingUpdate'), { maxSurge: '25%', maxUnavailable: '25%' });
}

function defaultDaemonSet(object: KubeObject): void {
  defaultTemplate(object);
  fill(memberOf(object, 'spec'), {
    revisionHistoryLimit: 10,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
  });
}

function defaultJob(object: KubeObject): void {
  const spec = memberOf(object, 'spec');
  fill(spec, { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false });
  defaultTemplate(object, asString(at(spec, 'template', 'spec', 'restartPolicy')) ?? 'Never');
}

function defaultWebhooks(object: KubeObject): void {
  for (const webhook of asArray(object['webhooks']).filter(isObject)) {
    fill(webhook, {
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      timeoutSeconds: 10,
      namespaceSelector: {},
      objectSelector: {},
    });
    const service = at(webhook, 'clientConfig', 'service');
    if (isObject(service)) fill(service, { port: 443 });
    for (const rule of asArray(webhook['rules']).filter(isObject)) fill(rule, { scope: '*' });
  }
}

function defaultBinding(object: KubeObject): void {
  const roleRef = object['roleRef'];
  if (isObject(roleRef)) fill(roleRef, { apiGroup: 'rbac.authorization.k8s.io' });
  for (const subject of asArray(object['subjects']).filter(isObject)) {
    if (subject['kind'] !== 'ServiceAccount') fill(subject, { apiGroup: 'rbac.authorization.k8s.io' });
  }
}

function defaultCrd(object: KubeObject): void {
  const spec = memberOf(object, 'spec');
  fill(spec, { conversion: { strategy: 'None' } });
  const names = memberOf(spec, 'names');
  const kind = asString(names['kind']) ?? '';
  fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  for (const version of asArray(spec['versions']).filter(isObject)) {
    if (asObject(version)['additionalPrinterColumns'] !== undefined) continue;
    version['additionalPrinterColumns'] = [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }];
  }
}
