import { isDeepStrictEqual } from 'node:util';
import { initKubeadmConfig } from '#domain/kubeadm/config.ts';
import { certificatePurposes, documentNames, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { field, groupOf, listField, referenceKey, referenceOf, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences, ownershipOf } from '#domain/cluster-api/owners.ts';
import { certificateSecrets } from '#domain/cluster-api/secrets.ts';
import { revealSecrets } from '#domain/cluster-api/secrets.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { ownedTag } from '#domain/names/tags.ts';
import { statusError } from '../client/errors.ts';
import type { AdoptedResource, PivotContext } from './context.ts';
import { defaultedNetworkProblems } from './gate-network.ts';
import type { JournalState } from './journal.ts';

/** Everything the gate looks at, read while the cluster is paused. */
export interface GateFacts {
  readonly plan: ClusterPlan;
  readonly journal: JournalState;
  /** The bundle as stored, by `referenceKey`; missing ones are absent. */
  readonly stored: ReadonlyMap<string, KubernetesObject>;
  /** `tls.crt`, `tls.key` and so on that the certificate secrets must hold, base64, by secret name. */
  readonly expectedSecrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** CP-A's node; undefined when it is not registered. */
  readonly node: KubernetesObject | undefined;
  /** Control-plane machines in the namespace. */
  readonly controlPlaneMachines: readonly string[];
  readonly hasKubeadmConfigMap: boolean;
  /** Base64 of the certificate authority that the cluster publishes in kube-public/cluster-info. */
  readonly publishedAuthority: string | undefined;
  /** e.g. v1.33.4 */
  readonly serverVersion: string;
  readonly adopted: readonly AdoptedResource[];
}

/** Reads what the gate looks at. */
export async function readGateFacts(
  context: PivotContext,
  documents: readonly KubernetesObject[],
  journal: JournalState,
): Promise<GateFacts> {
  const { client, plan, keys } = context;
  const stored = new Map<string, KubernetesObject>();
  for (const document of documents) {
    const reference = referenceOf(document);
    const found = await client.get(reference);
    if (found !== undefined) {
      stored.set(referenceKey(reference), found);
    }
  }
  const machines = await client.list({
    apiVersion: ownerReferences(plan).machine.apiVersion,
    kind: 'Machine',
    namespace: namespaceOf(plan),
    labelSelector: wellKnown.controlPlane,
  });
  const clusterInfo = await client.get({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: 'kube-public',
    name: 'cluster-info',
  });
  const version = await client.raw('/version');
  if (version.status !== 200) {
    throw statusError({ method: 'GET', path: '/version' }, version);
  }
  return {
    plan,
    journal,
    stored,
    expectedSecrets: Object.fromEntries(
      certificateSecrets(plan, keys).map((secret) => [
        secret.metadata.name,
        revealSecrets(secret['data']) as Record<string, string>,
      ]),
    ),
    node: await client.get({ apiVersion: 'v1', kind: 'Node', name: plan.controlPlane.machineName }),
    controlPlaneMachines: machines.map((machine) => machine.metadata.name),
    hasKubeadmConfigMap:
      (await client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' })) !==
      undefined,
    publishedAuthority: /certificate-authority-data:\s*(\S+)/.exec(
      textField(clusterInfo, 'data', 'kubeconfig') ?? '',
    )?.[1],
    serverVersion: /"gitVersion":\s*"([^"]+)"/.exec(version.body)?.[1] ?? '',
    adopted: (await context.readAdopted?.()) ?? [],
  };
}

/**
 * What would make the controllers change or rebuild the cluster once it is unpaused; empty means the hand-over may be
 * committed (cluster-api-pivot.md §2d.7 and R1 to R4, R8).
 */
export function gateProblems(facts: GateFacts): readonly string[] {
  return [
    ...presenceProblems(facts),
    ...referenceProblems(facts),
    ...secretProblems(facts),
    ...machineProblems(facts),
    ...configProblems(facts),
    ...defaultedNetworkProblems(facts.plan, facts.stored.get(referenceKey(ownerReferences(facts.plan).azureCluster))),
    ...azureProblems(facts),
  ];
}

function presenceProblems({ stored, journal, plan }: GateFacts): readonly string[] {
  const missing = Object.entries(journal.objects).flatMap(([key, entry]) => {
    const object = stored.get(key);
    if (object === undefined) return [`${key} is missing`];
    if (entry.uid !== object.metadata.uid) return [`${key} was replaced by another object`];
    return object.metadata.deletionTimestamp === undefined ? [] : [`${key} is being deleted`];
  });
  const cluster = stored.get(referenceKey(ownerReferences(plan).cluster));
  return cluster !== undefined && field(cluster, 'spec', 'paused') !== true
    ? [...missing, 'the Cluster is not paused']
    : missing;
}

/** Every reference of the bundle points at an object of the bundle, and every owner is the one that is stored. */
function referenceProblems({ stored, plan }: GateFacts): readonly string[] {
  const known = new Map(
    [...stored.values()].map((object) => [
      groupKey(groupOf(object.apiVersion), object.kind, object.metadata.name),
      object,
    ]),
  );
  return [...stored.entries()].flatMap(([key, object]) => {
    const broken = references(object)
      .filter(({ group, kind, name }) => !known.has(groupKey(group, kind, name)))
      .map(({ kind, name }) => `${key} names ${kind} ${name}, which is not there`);
    const expected = ownershipOf(plan, referenceOf(object));
    const owner = expected === undefined ? undefined : stored.get(referenceKey(expected.owner));
    const owned = (object.metadata.ownerReferences ?? []).some((reference) => reference.uid === owner?.metadata.uid);
    return expected === undefined || owned
      ? broken
      : [...broken, `${key} is not owned by ${expected.owner.kind} ${expected.owner.name}`];
  });
}

function secretProblems({ stored, expectedSecrets, plan, publishedAuthority }: GateFacts): readonly string[] {
  const data = (name: string): unknown =>
    field(stored.get(referenceKey({ apiVersion: 'v1', kind: 'Secret', namespace: namespaceOf(plan), name })), 'data');
  const certificates = Object.entries(expectedSecrets).flatMap(([name, values]) =>
    Object.entries(values)
      .filter(([key, value]) => field(data(name), key) !== value)
      .map(([key]) => `Secret ${name}: ${key} is not the one Capstan keeps`),
  );
  const filled = [
    [`${plan.name}-kubeconfig`, 'value'],
    [plan.controlPlane.machineName, 'value'],
    [plan.controlPlane.machineName, 'format'],
  ] as const;
  const empty = filled
    .filter(([name, key]) => (textField(data(name), key) ?? '') === '')
    .map(([name, key]) => `Secret ${name}: ${key} is empty`);
  const authority = expectedSecrets[`${plan.name}-${certificatePurposes[0]}`]?.['tls.crt'];
  const live = publishedAuthority !== undefined && authority !== undefined && !samePem(publishedAuthority, authority);
  return [
    ...certificates,
    ...empty,
    ...(live ? ['the cluster publishes another certificate authority than Capstan keeps'] : []),
  ];
}

function machineProblems({
  stored,
  plan,
  node,
  controlPlaneMachines,
  hasKubeadmConfigMap,
  serverVersion,
}: GateFacts): readonly string[] {
  const owners = ownerReferences(plan);
  const machine = stored.get(referenceKey(owners.machine));
  const azureMachine = stored.get(referenceKey(owners.azureMachine));
  const providerId = textField(node, 'spec', 'providerID');
  const problems: string[] = [];
  for (const object of [machine, azureMachine]) {
    const own = textField(object, 'spec', 'providerID');
    if (object !== undefined && own !== providerId) {
      problems.push(
        `${object.kind} ${object.metadata.name} has providerID ${own ?? 'none'}, its node has ${providerId ?? 'none'}`,
      );
    }
  }
  const others = controlPlaneMachines.filter((name) => name !== plan.controlPlane.machineName);
  if (others.length > 0) problems.push(`there are control-plane machines besides the first: ${others.join(', ')}`);
  if (!hasKubeadmConfigMap) problems.push('ConfigMap kube-system/kubeadm-config is missing');
  if (serverVersion !== plan.kubernetesVersion)
    problems.push(`the API server is ${serverVersion}, the documents say ${plan.kubernetesVersion}`);
  const kubelet = textField(node, 'status', 'nodeInfo', 'kubeletVersion');
  if (kubelet !== undefined && kubelet !== plan.kubernetesVersion)
    problems.push(`the kubelet is ${kubelet}, the documents say ${plan.kubernetesVersion}`);
  return problems;
}

/** What the KubeadmControlPlane would compare to decide on a rollout (cluster-api-pivot.md §2b, "KCP up to date"). */
function configProblems({ stored, plan }: GateFacts): readonly string[] {
  const owners = ownerReferences(plan);
  const controlPlane = stored.get(referenceKey(owners.controlPlane));
  const config = stored.get(referenceKey(owners.kubeadmConfig));
  const azureMachine = stored.get(referenceKey(owners.azureMachine));
  const problems: string[] = [];
  const desired = field(controlPlane, 'spec', 'kubeadmConfigSpec');
  const actual = field(config, 'spec');
  if (
    typeof desired === 'object' &&
    desired !== null &&
    typeof actual === 'object' &&
    actual !== null &&
    !isDeepStrictEqual(initKubeadmConfig(desired), actual)
  ) {
    problems.push(`KubeadmConfig ${owners.kubeadmConfig.name} differs from the KubeadmControlPlane`);
  }
  if (
    azureMachine !== undefined &&
    azureMachine.metadata.annotations?.[wellKnown.clonedFromName] !== documentNames(plan).controlPlaneTemplate
  ) {
    problems.push(`AzureMachine ${owners.azureMachine.name} does not name its template`);
  }
  return problems;
}

/** Existence, parts, tags and letter case in Azure. The tag `owned` on the group would delete it with the cluster (R4). */
function azureProblems({ adopted, plan }: GateFacts): readonly string[] {
  return adopted.flatMap((resource) => {
    if (!resource.exists) {
      return [`${resource.id} does not exist in Azure`];
    }
    const owned = resource.tags[ownedTag(plan.name)] === 'owned';
    if (owned && /\/(virtualNetworks|natGateways)\/[^/]+$|\/resourceGroups\/[^/]+$/i.test(resource.id)) {
      return [
        `${resource.id} carries the tag ${ownedTag(plan.name)}: it would be managed, or deleted, by the controllers`,
      ];
    }
    const missing = (resource.lacks ?? []).map(
      (part) => `${resource.id} lacks ${part}: the controllers would write it`,
    );
    const wrongCase = (resource.identityIds ?? []).filter(
      (id) => id !== plan.identity.id && id.toLowerCase() === plan.identity.id.toLowerCase(),
    );
    return [
      ...missing,
      ...wrongCase.map((id) => `the machine names its identity ${id}, the documents ${plan.identity.id}`),
    ];
  });
}

interface Reference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

function references(object: KubernetesObject): readonly Reference[] {
  const at = (...path: string[]): readonly Reference[] => {
    const value = field(object, ...path);
    const kind = textField(value, 'kind');
    const name = textField(value, 'name');
    const group = textField(value, 'apiGroup') ?? groupOf(textField(value, 'apiVersion') ?? '');
    return kind === undefined || name === undefined ? [] : [{ group, kind, name }];
  };
  const secrets = [
    textField(object, 'spec', 'bootstrap', 'dataSecretName'),
    ...listField(object, 'spec', 'files').map((file) => textField(file, 'contentFrom', 'secret', 'name')),
    ...listField(object, 'spec', 'kubeadmConfigSpec', 'files').map((file) =>
      textField(file, 'contentFrom', 'secret', 'name'),
    ),
  ];
  return [
    ...at('spec', 'controlPlaneRef'),
    ...at('spec', 'infrastructureRef'),
    ...at('spec', 'identityRef'),
    ...at('spec', 'machineTemplate', 'spec', 'infrastructureRef'),
    ...at('spec', 'bootstrap', 'configRef'),
    ...secrets.filter((name) => name !== undefined).map((name) => ({ group: '', kind: 'Secret', name })),
  ];
}

function groupKey(group: string, kind: string, name: string): string {
  return `${group}/${kind}/${name}`;
}

/** Base64 of two PEM texts that may differ in their line ends. */
function samePem(a: string, b: string): boolean {
  const text = (value: string) => Buffer.from(value, 'base64').toString('utf8').replaceAll(/\s+/g, '');
  return text(a) === text(b);
}
