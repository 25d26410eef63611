import { isDeepStrictEqual } from 'node:util';
import type { AdmissionReview, KubeObject } from '../../contract.ts';
import type { Json } from '../objects.ts';
import { isJson } from '../objects.ts';
import type {
  ClusterObject,
  ControlPlaneObject,
  KubeadmConfigObject,
  KubeadmConfigTemplateObject,
  MachineObject,
  MachineSetObject,
} from './kinds.ts';
import { minorOf } from './bootstrap-data.ts';
import { LABEL } from './kinds.ts';

type Verdict = ReturnType<AdmissionReview>;

const VERSION = /^v\d+\.\d+\.\d+([-+].*)?$/;

function deny(object: KubeObject, problems: readonly string[]): Verdict {
  const group = object.apiVersion.split('/')[0] ?? '';
  return {
    allowed: false,
    message: `${object.kind}.${group} "${object.metadata.name}" is invalid: ${problems.join(', ')}`,
  };
}

function set(object: KubeObject, path: readonly string[], value: unknown): void {
  let target: Json = object;
  for (const name of path.slice(0, -1)) {
    if (!isJson(target[name])) target[name] = {};
    target = target[name] as Json;
  }
  const last = path.at(-1) ?? '';
  if (target[last] === undefined) target[last] = value;
}

function cluster(object: ClusterObject): string[] {
  const problems: string[] = [];
  for (const field of ['infrastructureRef', 'controlPlaneRef'] as const) {
    const reference = object.spec?.[field];
    if (reference !== undefined && (reference.apiGroup === '' || reference.name === ''))
      problems.push(`spec.${field}: Invalid value: apiGroup, kind and name must be set`);
  }
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(object.metadata.name) || object.metadata.name.length > 63) {
    problems.push('metadata.name: Invalid value: must be a DNS-1123 label that starts with a letter');
  }
  return problems;
}

function machine(object: MachineObject): string[] {
  if (object.spec === undefined) return ['spec: Required value'];
  set(object, ['metadata', 'labels', LABEL.cluster], object.spec.clusterName);
  const problems: string[] = [];
  const { version } = object.spec;
  // The field is required by the schema, but a webhook sees whatever was sent.
  const bootstrap: Partial<typeof object.spec.bootstrap> = (object.spec as Partial<typeof object.spec>).bootstrap ?? {};
  if (bootstrap.configRef === undefined && bootstrap.dataSecretName === undefined)
    problems.push(
      'spec.bootstrap: Required value: expected either spec.bootstrap.dataSecretName or spec.bootstrap.configRef to be populated',
    );
  if (version !== undefined && !VERSION.test(version))
    problems.push(`spec.version: Invalid value: "${version}": must be a valid semantic version`);
  return problems;
}

/** Selector and labels as the MachineDeployment's defaulting webhook completes them. */
function machineDeployment(object: MachineSetObject): string[] {
  if (object.spec === undefined) return ['spec: Required value'];
  const { clusterName } = object.spec;
  set(object, ['metadata', 'labels', LABEL.cluster], clusterName);
  set(object, ['spec', 'replicas'], 1);
  for (const labels of [
    ['spec', 'selector', 'matchLabels'],
    ['spec', 'template', 'metadata', 'labels'],
  ]) {
    set(object, [...labels, LABEL.cluster], clusterName);
    if (object.kind === 'MachineDeployment') set(object, [...labels, LABEL.deployment], object.metadata.name);
  }
  if (object.kind === 'MachineDeployment') {
    set(object, ['spec', 'rollout', 'strategy', 'type'], 'RollingUpdate');
    if (object.spec.rollout?.strategy?.type === 'RollingUpdate') {
      set(object, ['spec', 'rollout', 'strategy', 'rollingUpdate', 'maxSurge'], 1);
      set(object, ['spec', 'rollout', 'strategy', 'rollingUpdate', 'maxUnavailable'], 0);
    }
  }
  const problems: string[] = [];
  if (object.spec.template.spec.clusterName !== clusterName)
    problems.push(`spec.template.spec.clusterName: Invalid value: must be equal to spec.clusterName (${clusterName})`);
  const selector = Object.entries(object.spec.selector.matchLabels ?? {});
  const labels = object.spec.template.metadata?.labels ?? {};
  if (!selector.every(([name, value]) => labels[name] === value))
    problems.push('spec.template.metadata.labels: Invalid value: must match spec.selector');
  return problems;
}

/** The configuration format is the only kubeadm default that the webhooks write into the object. */
function kubeadmConfig(object: KubeadmConfigObject): string[] {
  set(object, ['spec', 'format'], 'cloud-config');
  const problems: string[] = [];
  (object.spec?.files ?? []).forEach((file, index) => {
    if (file.content !== undefined && file.contentFrom !== undefined)
      problems.push(`spec.files[${index}]: Invalid value: only one of content or contentFrom may be specified`);
  });
  return problems;
}

function kubeadmConfigTemplate(object: KubeadmConfigTemplateObject): string[] {
  set(object, ['spec', 'template', 'spec', 'format'], 'cloud-config');
  return [];
}

/** What the webhook of the KubeadmControlPlane lets change (kubeadmcontrolplane.go, allowedPaths). */
const CHANGEABLE =
  /^(replicas|version|remediation|machineNaming|rollout|machineTemplate)\b|^kubeadmConfigSpec\.(bootCommands|preKubeadmCommands|postKubeadmCommands|files|verbosity|users|ntp|ignition|diskSetup|format|mounts|initConfiguration\.(nodeRegistration|patches|skipPhases|bootstrapTokens|localAPIEndpoint|timeouts)|joinConfiguration\.(nodeRegistration|patches|skipPhases|caCertPath|controlPlane|discovery|timeouts)|clusterConfiguration\.(etcd|dns|imageRepository|featureGates|apiServer|controllerManager|scheduler|certificateValidityPeriodDays|encryptionAlgorithm))\b/;

/** Dotted paths of the members in which two specs differ; lists are one value. */
function changedPaths(left: unknown, right: unknown, path: readonly string[]): string[] {
  if (isJson(left) && isJson(right)) {
    const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
    return names.flatMap((name) => changedPaths(left[name], right[name], [...path, name]));
  }
  return isDeepStrictEqual(left, right) ? [] : [path.join('.')];
}

function controlPlane(object: ControlPlaneObject, old: ControlPlaneObject | undefined): string[] {
  if (object.spec === undefined) return ['spec: Required value'];
  set(object, ['spec', 'replicas'], 1);
  set(object, ['spec', 'kubeadmConfigSpec', 'format'], 'cloud-config');
  set(object, ['spec', 'rollout', 'strategy', 'type'], 'RollingUpdate');
  set(object, ['spec', 'rollout', 'strategy', 'rollingUpdate', 'maxSurge'], 1);
  const problems: string[] = [];
  const { version, replicas = 1 } = object.spec;
  if (!VERSION.test(version))
    problems.push(`spec.version: Invalid value: "${version}": must be a valid semantic version`);
  if (replicas % 2 === 0)
    problems.push(`spec.replicas: Forbidden: cannot be an even number when etcd is stacked (${replicas})`);
  if (object.spec.machineTemplate.spec.infrastructureRef.name === '')
    problems.push('spec.machineTemplate.spec.infrastructureRef.name: Required value');
  if (old?.spec === undefined) return problems;
  const before = old.spec.version;
  // One minor version up at most; the real webhook says nothing about going back.
  if (VERSION.test(before) && VERSION.test(version) && minorOf(version) > minorOf(before) + 1)
    problems.push(`spec.version: Forbidden: cannot update Kubernetes version from ${before} to ${version}`);
  for (const path of changedPaths(old.spec, object.spec, []))
    if (!CHANGEABLE.test(path)) problems.push(`spec.${path}: Forbidden: cannot be modified`);
  return problems;
}

/** Validating and defaulting webhooks of Cluster API core, bootstrap and control plane, by kind. */
export const reviewClusterApi: AdmissionReview = ({ operation, object, oldObject }) => {
  if (operation === 'DELETE') return { allowed: true };
  const copy = structuredClone(object);
  const problems = ((): string[] => {
    switch (copy.kind) {
      case 'Cluster':
        return cluster(copy);
      case 'Machine':
        return machine(copy);
      case 'MachineDeployment':
      case 'MachineSet':
        return machineDeployment(copy);
      case 'KubeadmConfig':
        return kubeadmConfig(copy);
      case 'KubeadmConfigTemplate':
        return kubeadmConfigTemplate(copy);
      case 'KubeadmControlPlane':
        return controlPlane(copy, oldObject);
      default:
        return [];
    }
  })();
  return problems.length === 0 ? { allowed: true, object: copy } : deny(object, problems);
};
