import type { Clock } from '#local/azure/clock.ts';
import { isTrue, setConditions, timestamp } from '../conditions.ts';
import type { NodeObject, PodObject } from '../kinds.ts';
import { CONFIG_MAP, NODE, POD, SECRET } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { controllerOf, keyOf, shortHash } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';

/**
 * Image pull on a node's first use of an image, and start of a container whose image is there, in Azure seconds. A node
 * pulls one image after the other (Kubernetes' kubelet configuration: serializeImagePulls is true by default).
 */
const PULL_SECONDS = 8;
const START_SECONDS = 2;
const JOB_SECONDS = 5;
const MOUNT_RETRY_SECONDS = 5;

/** The kubelets of all nodes: pull images, wait for volumes and the network, start containers, finish jobs. */
export function createKubelet(kube: Kube, clock: Clock, isRunning: (nodeName: string) => boolean): Reconciler {
  const nodes = new Map<string, NodeImages>();
  const starting = new Map<string, number>();
  return {
    name: 'kubelet',
    watches: [
      { kind: POD },
      {
        kind: NODE,
        map: (node) =>
          kube.list(POD, undefined, undefined, (pod) => pod.spec?.nodeName === node.metadata.name).map(keyOf),
      },
    ],
    reconcile: (key) => {
      const pod = kube.get(POD, key.namespace, key.name);
      const nodeName = pod?.spec?.nodeName;
      if (pod === undefined || nodeName === undefined || nodeName === '') return undefined;
      if (pod.metadata.deletionTimestamp !== undefined) {
        if ((pod.metadata.finalizers ?? []).length === 0) kube.raw.delete({ apiVersion: 'v1', kind: 'Pod', ...key });
        return undefined;
      }
      if (isFinished(pod)) return undefined;
      const node = kube.get(NODE, '', nodeName);
      if (node === undefined || !isRunning(nodeName)) return undefined;
      const id = pod.metadata.uid ?? '';
      const wait = blockedBy(kube, clock, pod, node);
      if (wait !== undefined) return wait;
      if (isTrue(pod.status?.conditions, 'Ready')) return finishJob(kube, clock, pod, starting);
      const due = starting.get(id) ?? startTime(pod, imagesOn(nodes, nodeName), clock);
      starting.set(id, due);
      const left = due - clock.now();
      if (left > 0.5) return { requeueAfter: (left / 1000) * clock.timeScale };
      starting.delete(id);
      run(kube, clock, pod, node);
      return isJobPod(pod) ? { requeueAfter: JOB_SECONDS } : undefined;
    },
  };
}

function isFinished(pod: PodObject): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function isJobPod(pod: PodObject): boolean {
  return controllerOf(pod)?.kind === 'Job';
}

function imagesOf(pod: PodObject): string[] {
  return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(
    (container) => container.image ?? '',
  );
}

/** Registries under the top-level domain `invalid`, which never resolves (RFC 2606), stand for images that cannot be pulled. */
function isUnreachable(image: string): boolean {
  return /^[^/]+\.invalid(:\d+)?\//.test(image);
}

/** The images of one node. */
interface NodeImages {
  readonly pulled: Set<string>;
  /** When the last pull that was asked for ends, in milliseconds of the clock. */
  idleAt: number;
}

function imagesOn(nodes: Map<string, NodeImages>, nodeName: string): NodeImages {
  let images = nodes.get(nodeName);
  if (images === undefined) nodes.set(nodeName, (images = { pulled: new Set(), idleAt: 0 }));
  return images;
}

/** When the pod's containers run, in milliseconds of the clock. */
function startTime(pod: PodObject, images: NodeImages, clock: Clock): number {
  const second = 1000 / clock.timeScale;
  const missing = new Set(imagesOf(pod).filter((image) => !images.pulled.has(image)));
  missing.forEach((image) => images.pulled.add(image));
  if (missing.size === 0) return clock.now() + START_SECONDS * second;
  images.idleAt = Math.max(images.idleAt, clock.now()) + missing.size * PULL_SECONDS * second;
  return images.idleAt + START_SECONDS * second;
}

/** Missing volumes keep a pod in ContainerCreating; so does a node whose network plugin is not ready, without host network. */
function blockedBy(kube: Kube, clock: Clock, pod: PodObject, node: NodeObject): Outcome | undefined {
  if (isTrue(pod.status?.conditions, 'Ready')) return undefined;
  const namespace = pod.metadata.namespace ?? '';
  for (const volume of pod.spec?.volumes ?? []) {
    const secret = volume.secret?.optional === true ? undefined : volume.secret?.secretName;
    if (secret !== undefined && kube.get(SECRET, namespace, secret) === undefined) {
      return hold(
        kube,
        clock,
        pod,
        'FailedMount',
        `MountVolume.SetUp failed for volume "${volume.name}" : secret "${secret}" not found`,
      );
    }
    const configMap = volume.configMap?.optional === true ? undefined : volume.configMap?.name;
    if (configMap !== undefined && kube.get(CONFIG_MAP, namespace, configMap) === undefined) {
      return hold(
        kube,
        clock,
        pod,
        'FailedMount',
        `MountVolume.SetUp failed for volume "${volume.name}" : configmap "${configMap}" not found`,
      );
    }
  }
  const unreachable = imagesOf(pod).find(isUnreachable);
  if (unreachable !== undefined) {
    const registry = unreachable.split('/')[0] ?? '';
    hold(
      kube,
      clock,
      pod,
      'ImagePullBackOff',
      `Back-off pulling image "${unreachable}": failed to pull and unpack image "${unreachable}": dial tcp: lookup ${registry}: no such host`,
    );
    return {};
  }
  if (pod.spec?.hostNetwork !== true && !isTrue(node.status?.conditions, 'Ready')) {
    hold(
      kube,
      clock,
      pod,
      'NetworkNotReady',
      'network is not ready: container runtime network not ready: cni plugin not initialized',
    );
    return {};
  }
  return undefined;
}

function hold(kube: Kube, clock: Clock, pod: PodObject, reason: string, message: string): Outcome {
  const conditions = setConditions(
    pod.status?.conditions,
    [
      { type: 'PodScheduled', status: true, reason: 'Scheduled' },
      { type: 'Ready', status: false, reason: 'ContainersNotReady', message: `${reason}: ${message}` },
    ],
    clock.now(),
  );
  const isNews =
    pod.status?.conditions?.find((condition) => condition.type === 'Ready')?.message !== `${reason}: ${message}`;
  kube.patchStatus(pod, {
    phase: 'Pending',
    conditions,
    containerStatuses: containerStatuses(pod, {
      waiting: reason === 'ImagePullBackOff' ? { reason, message } : { reason: 'ContainerCreating' },
    }),
  });
  if (isNews) kube.event(pod, 'Warning', reason, message);
  return { requeueAfter: MOUNT_RETRY_SECONDS };
}

function containerStatuses(pod: PodObject, state: Record<string, unknown>): object[] {
  return (pod.spec?.containers ?? []).map((container) => ({
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: state['running'] !== undefined,
    started: state['running'] !== undefined,
    restartCount: 0,
    state,
  }));
}

function run(kube: Kube, clock: Clock, pod: PodObject, node: NodeObject): void {
  const now = clock.now();
  const hostIp = node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address ?? '';
  const digest = Number.parseInt(
    Buffer.from(shortHash(pod.metadata.uid ?? '', 4))
      .toString('hex')
      .slice(0, 6),
    16,
  );
  const podIp = pod.spec?.hostNetwork === true ? hostIp : `192.168.${(digest >> 8) & 0xff}.${(digest % 250) + 2}`;
  const reasons = ['Initialized', 'PodReadyToStartContainers', 'ContainersReady', 'PodScheduled', 'Ready'];
  const conditions = setConditions(
    pod.status?.conditions,
    reasons.map((type) => ({ type, status: true, reason: 'Started' })),
    now,
  );
  kube.patchStatus(pod, {
    phase: 'Running',
    conditions,
    hostIP: hostIp,
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime: pod.status?.startTime ?? timestamp(now),
    containerStatuses: containerStatuses(pod, { running: { startedAt: timestamp(now) } }),
  });
}

function finishJob(kube: Kube, clock: Clock, pod: PodObject, starting: Map<string, number>): Outcome | undefined {
  if (!isJobPod(pod)) return undefined;
  const id = pod.metadata.uid ?? '';
  const due = starting.get(id) ?? clock.now() + (JOB_SECONDS * 1000) / clock.timeScale;
  starting.set(id, due);
  const left = due - clock.now();
  if (left > 0.5) return { requeueAfter: (left / 1000) * clock.timeScale };
  starting.delete(id);
  const conditions = setConditions(
    pod.status?.conditions,
    [{ type: 'Ready', status: false, reason: 'PodCompleted' }],
    clock.now(),
  );
  const terminated = { terminated: { exitCode: 0, reason: 'Completed', finishedAt: timestamp(clock.now()) } };
  kube.patchStatus(pod, { phase: 'Succeeded', conditions, containerStatuses: containerStatuses(pod, terminated) });
  return undefined;
}
