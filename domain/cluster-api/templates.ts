import { shortHash } from '../names/hash.ts';
import { wellKnown } from './names.ts';
import { field, listField, stableText, textField } from './object.ts';
import type { KubernetesObject } from './object.ts';

/**
 * Machine templates cannot be changed: another content is another template, named after its content, and the control
 * plane or MachineDeployment is pointed at it (Cluster API book, "Updating machine infrastructure and bootstrap
 * templates"). The first template of an owner carries the owner's own name and stays, because the secret with the cloud
 * provider's configuration hangs on it.
 */
export function asTemplate(owner: string, document: KubernetesObject): KubernetesObject {
  const { metadata } = document;
  return {
    ...document,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [wellKnown.templateFor]: owner },
      annotations: { ...metadata.annotations, [wellKnown.fingerprint]: fingerprintOf(document) },
    },
  };
}

/** The template of another content, under the name that belongs to it. */
export function renamed(document: KubernetesObject): KubernetesObject {
  const { metadata } = document;
  return { ...document, metadata: { ...metadata, name: `${metadata.name}-${fingerprintOf(document)}` } };
}

/**
 * What of a template machines have to be replaced for. Labels and taints of nodes are left out: they are changed on
 * the nodes themselves, and in the template for later machines.
 */
export function fingerprintOf(document: KubernetesObject): string {
  const spec = field(document, 'spec', 'template', 'spec');
  return shortHash(stableText(document.kind === 'KubeadmConfigTemplate' ? withoutNodeMarks(spec) : spec), 8);
}

function withoutNodeMarks(spec: unknown): unknown {
  const join = field(spec, 'joinConfiguration');
  const registration = field(join, 'nodeRegistration');
  if (typeof registration !== 'object' || registration === null) return spec;
  const { taints: _taints, ...rest } = registration as Record<string, unknown>;
  const kubeletExtraArgs = listField(registration, 'kubeletExtraArgs').filter(
    (argument) => textField(argument, 'name') !== 'node-labels',
  );
  const nodeRegistration = { ...rest, kubeletExtraArgs };
  return { ...(spec as object), joinConfiguration: { ...(join as object), nodeRegistration } };
}
