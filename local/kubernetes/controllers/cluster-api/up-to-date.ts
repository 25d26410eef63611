import type { Kube } from '../objects.ts';
import { isJson } from '../objects.ts';
import { minorOf } from './bootstrap-data.ts';
import type { ControlPlaneObject, KubeadmConfigSpec, MachineObject } from './kinds.ts';
import { ANNOTATION, AZURE_MACHINE, KUBEADM_CONFIG } from './kinds.ts';

/** The configuration that the control plane wants of its first machine, or of a machine that joins. */
export function desiredConfig(controlPlane: ControlPlaneObject, command: 'init' | 'join'): KubeadmConfigSpec {
  const spec = structuredClone(controlPlane.spec?.kubeadmConfigSpec ?? {});
  const minor = minorOf(controlPlane.spec?.version ?? '');
  if (minor >= 31 && minor < 36) {
    const configuration = spec.clusterConfiguration ?? {};
    const gates = isJson(configuration['featureGates']) ? configuration['featureGates'] : {};
    spec.clusterConfiguration = { ...configuration, featureGates: { ControlPlaneKubeletLocalMode: true, ...gates } };
  }
  if (command === 'init') delete spec.joinConfiguration;
  else {
    delete spec.initConfiguration;
    spec.joinConfiguration = { ...spec.joinConfiguration, controlPlane: {} };
  }
  return spec;
}

/** JSON with sorted keys, without empty objects and undefined members: what `omitzero` and semantic equality make equal. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (!isJson(value)) return value;
  const entries = Object.entries(value)
    .map(([name, entry]): [string, unknown] => [name, canonical(entry)])
    .filter(([, entry]) => entry !== undefined && !(isJson(entry) && Object.keys(entry).length === 0));
  return Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(canonical(left)) === JSON.stringify(canonical(right));
}

/** First path in which two configurations differ, for the condition's message. */
function firstDifference(left: unknown, right: unknown, path = 'spec'): string {
  if (isJson(left) && isJson(right)) {
    for (const name of [...new Set([...Object.keys(left), ...Object.keys(right)])].toSorted()) {
      if (!same(left[name], right[name])) return firstDifference(left[name], right[name], `${path}.${name}`);
    }
  }
  return path;
}

/**
 * Why a control-plane machine must be rolled out, or undefined when it is up to date: version, kubeadm configuration, and the
 * template that it was cloned from. The infrastructure spec is not compared (cluster-api-pivot.md §2b, filters.go).
 */
export function outdatedReason(
  kube: Kube,
  controlPlane: ControlPlaneObject,
  machine: MachineObject,
  now: number,
): string | undefined {
  const due = rolloutReason(controlPlane, machine, now);
  if (due !== undefined) return due;
  const namespace = machine.metadata.namespace ?? '';
  const version = controlPlane.spec?.version;
  if (machine.spec?.version !== version)
    return `Version ${machine.spec?.version ?? '(none)'}, ${version ?? ''} required`;
  const config = kube.get(KUBEADM_CONFIG, namespace, machine.spec?.bootstrap.configRef?.name ?? '');
  if (config !== undefined) {
    const matches = (command: 'init' | 'join'): boolean =>
      same(
        { format: 'cloud-config', ...config.spec },
        { format: 'cloud-config', ...desiredConfig(controlPlane, command) },
      );
    if (!matches('init') && !matches('join')) {
      const command = config.spec?.initConfiguration === undefined ? 'join' : 'init';
      return `KubeadmConfig is not up-to-date (${firstDifference(canonical(config.spec ?? {}), canonical(desiredConfig(controlPlane, command)))} differs)`;
    }
  }
  const infrastructure = kube.get(AZURE_MACHINE, namespace, machine.spec?.infrastructureRef.name ?? '');
  if (infrastructure !== undefined) {
    const wanted = controlPlane.spec?.machineTemplate.spec.infrastructureRef;
    const name = infrastructure.metadata.annotations?.[ANNOTATION.clonedFromName];
    const groupKind = infrastructure.metadata.annotations?.[ANNOTATION.clonedFromGroupKind];
    if (name !== wanted?.name || groupKind !== `${wanted?.kind ?? ''}.${wanted?.apiGroup ?? ''}`) {
      return `AzureMachine is not up-to-date (cloned from ${name ?? 'no template'}, ${wanted?.name ?? ''} required)`;
    }
  }
  return undefined;
}

/** Rollouts by time: `rollout.after` has passed since the machine was made, or its certificates end soon. */
function rolloutReason(controlPlane: ControlPlaneObject, machine: MachineObject, now: number): string | undefined {
  const { after, before } = controlPlane.spec?.rollout ?? {};
  const made = Date.parse(machine.metadata.creationTimestamp ?? '');
  if (after !== undefined && Date.parse(after) <= now && made < Date.parse(after))
    return 'KubeadmControlPlane spec.rollout.after expired';
  const expiry = Date.parse(machine.status?.certificatesExpiryDate ?? '');
  const days = before?.certificatesExpiryDays;
  return days !== undefined && expiry - now < days * 86_400_000
    ? 'Certificates will expire soon, rollout.before expired'
    : undefined;
}
