import { randomBytes } from 'node:crypto';
import { setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import { SECRET } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { controllerOf, failureCode, keyOf } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { certificateFiles, initDocuments, joinDocument, renderUserData } from './bootstrap-data.ts';
import type { BootstrapFile } from './bootstrap-data.ts';
import { clusterSecret, lookupCertificates } from './certificates.ts';
import { clusterOf, ofCluster, reachWorkload, secretText, settlePaused } from './common.ts';
import type { ClusterObject, KubeadmConfigObject, KubeadmConfigSpec, MachineObject } from './kinds.ts';
import { CLUSTER, KUBEADM_CONFIG, LABEL, MACHINE } from './kinds.ts';

/** Thrown for a wait that has a name; it becomes the DataSecretAvailable condition. */
class Waiting extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * KubeadmConfig: makes the bootstrap data of a Machine. When the Machine already names its data secret it only rebuilds the
 * status: the pivot relies on this (cluster-api-pivot.md §2b).
 */
export function createKubeadmConfigController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  return {
    name: 'kubeadmconfig',
    watches: [
      { kind: KUBEADM_CONFIG },
      { kind: MACHINE, map: (machine) => machineConfig(machine) },
      { kind: CLUSTER, map: (cluster) => ofCluster(cluster, kube.list(KUBEADM_CONFIG)) },
    ],
    reconcile: async (key) => {
      const config = kube.get(KUBEADM_CONFIG, key.namespace, key.name);
      if (config === undefined || config.metadata.deletionTimestamp !== undefined) return undefined;
      const owner = controllerOf(config);
      const machine = owner?.kind === 'Machine' ? kube.get(MACHINE, key.namespace, owner.name) : undefined;
      if (machine?.spec === undefined) return undefined;
      const cluster = clusterOf(kube, machine, machine.spec.clusterName);
      if (cluster === undefined || settlePaused(kube, clock.now(), cluster, config)) return undefined;
      if (machine.spec.bootstrap.dataSecretName !== undefined) {
        settle(context, kube, config, machine.spec.bootstrap.dataSecretName);
        return undefined;
      }
      try {
        const name = await ensureData(context, kube, { cluster, machine, config });
        settle(context, kube, config, name);
        return undefined;
      } catch (error) {
        if (!(error instanceof Waiting)) throw error;
        return wait(context, kube, config, error);
      }
    },
  };
}

function machineConfig(machine: MachineObject) {
  const name = machine.spec?.bootstrap.configRef?.name;
  return name === undefined ? [] : [{ namespace: keyOf(machine).namespace, name }];
}

function settle(context: ControllerContext, kube: Kube, config: KubeadmConfigObject, dataSecretName: string): void {
  const updates: ConditionUpdate[] = ['Ready', 'DataSecretAvailable', 'CertificatesAvailable'].map((type) => ({
    type,
    status: true,
    reason: type === 'Ready' ? 'Ready' : 'Available',
  }));
  kube.patchStatus(config, {
    observedGeneration: config.metadata.generation ?? 1,
    dataSecretName,
    initialization: { dataSecretCreated: true },
    conditions: setConditions(config.status?.conditions, updates, context.azure.clock.now()),
  });
}

function wait(context: ControllerContext, kube: Kube, config: KubeadmConfigObject, error: Waiting): Outcome {
  const updates: ConditionUpdate[] = ['Ready', 'DataSecretAvailable'].map((type) => ({
    type,
    status: false,
    reason: error.reason,
    message: error.message,
  }));
  kube.patchStatus(config, {
    conditions: setConditions(config.status?.conditions, updates, context.azure.clock.now()),
  });
  return { requeueAfter: 10 };
}

interface Subject {
  readonly cluster: ClusterObject;
  readonly machine: MachineObject;
  readonly config: KubeadmConfigObject;
}

async function ensureData(context: ControllerContext, kube: Kube, subject: Subject): Promise<string> {
  const { cluster, config } = subject;
  const existing = kube.get(SECRET, config.metadata.namespace ?? '', config.metadata.name);
  if (existing !== undefined && controllerOf(existing)?.uid === config.metadata.uid) return config.metadata.name;
  if (cluster.status?.initialization?.infrastructureProvisioned !== true) {
    throw new Waiting('NotReady', 'Waiting for Cluster status.infrastructureReady to be true');
  }
  const value = userData(context, kube, subject);
  try {
    kube.create(clusterSecret(cluster, config, config.metadata.name, { value, format: 'cloud-config' }));
  } catch (error) {
    if (failureCode(error) !== 409) throw error;
    throw new Waiting('NotAvailable', `Secret "${config.metadata.name}" exists and is owned by something else`);
  }
  return config.metadata.name;
}

function userData(context: ControllerContext, kube: Kube, { cluster, machine, config }: Subject): string {
  const spec = config.spec ?? {};
  const version = machine.spec?.version ?? '';
  const isControlPlane = machine.metadata.labels?.[LABEL.controlPlane] !== undefined;
  const found = lookupCertificates(kube, cluster);
  if (!found.ok) throw new Waiting('NotAvailable', found.message);
  const { certificates } = found;
  const files = resolveFiles(kube, config, spec);
  const isInit =
    cluster.status?.initialization?.controlPlaneInitialized !== true &&
    isControlPlane &&
    spec.initConfiguration !== undefined;
  if (isInit) {
    const kubeadm = initDocuments(spec, cluster, version);
    return renderUserData(spec, 'init', [...certificateFiles(certificates), ...files], kubeadm);
  }
  if (cluster.status?.initialization?.controlPlaneInitialized !== true) {
    throw new Waiting('NotReady', 'Waiting for Cluster control plane to be initialized');
  }
  const remote = reachWorkload(context, kube, cluster);
  if (!remote.ok) throw new Waiting('NotReady', `Cannot create a bootstrap token: ${remote.message}`);
  const endpoint = cluster.spec?.controlPlaneEndpoint;
  const kubeadm = joinDocument(spec, {
    version,
    endpoint: `${endpoint?.host ?? ''}:${endpoint?.port ?? 6443}`,
    token: createToken(kube),
    authority: certificates.ca.certificate,
    controlPlane: isControlPlane,
  });
  return renderUserData(spec, 'join', [...(isControlPlane ? certificateFiles(certificates) : []), ...files], kubeadm);
}

/** Files by value or from a Secret's key (azure.json is one). */
function resolveFiles(kube: Kube, config: KubeadmConfigObject, spec: KubeadmConfigSpec): BootstrapFile[] {
  return (spec.files ?? []).map(({ contentFrom, content, encoding, ...rest }) => {
    const shape = {
      ...rest,
      ...(encoding === undefined ? {} : { encoding: encoding.replace('base64', 'b64').replace('gzip', 'gz') }),
    };
    if (contentFrom === undefined) return { ...shape, content: content ?? '' };
    const { name, key } = contentFrom.secret;
    const text = secretText(kube.get(SECRET, config.metadata.namespace ?? '', name), key);
    if (text === undefined)
      throw new Waiting(
        'NotAvailable',
        `failed to resolve file source: secret "${name}" or its key "${key}" not found (file ${rest.path})`,
      );
    return { ...shape, content: text };
  });
}

/** A bootstrap token in kube-system, 6 and 16 characters (Kubernetes documentation, "Bootstrap tokens"). */
function createToken(kube: Kube): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const characters = [...randomBytes(22)].map((byte) => alphabet[byte % alphabet.length] ?? 'a').join('');
  const id = characters.slice(0, 6);
  const secret = characters.slice(6);
  const data = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    description: 'token generated by cluster-api',
  };
  kube.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(
      Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
  });
  return `${id}.${secret}`;
}
