import { z } from 'zod';
import type { ClusterPlan } from '../plan/types.ts';
import type { KubeadmFile } from './types.ts';

/** What Cluster API, kubeadm and CAPZ write themselves: a user's file there would be overwritten, or would break a node. */
const reserved =
  /^\/(etc\/kubernetes\/(pki|azure\.json|manifests|admin\.conf|kubelet\.conf)|run\/(kubeadm|cluster-api)|etc\/capstan|usr\/local\/sbin\/capstan-)/;

/** cloud-init renders the user data as a Jinja template; a command with its delimiters would be rendered too. */
const command = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^(?!.*\{[{%#])/s, 'must not hold {{, {% or {#: cloud-init renders them');

const file = z.strictObject({
  path: z
    .string()
    .regex(/^\/[\w@.+:/-]+$/, 'must be an absolute path')
    .refine((path) => !reserved.test(path) && !path.includes('/../'), 'is a file of Kubernetes or Cluster API'),
  owner: z
    .string()
    .regex(/^[a-z_][\w-]*(:[a-z_][\w-]*)?$/, 'must look like root:root')
    .default('root:root'),
  permissions: z
    .string()
    .regex(/^0[0-7]{3}$/, 'must be four octal digits such as 0644')
    .default('0644'),
  content: z.string().max(32_768),
});

/** `spec.nodes`: the user's own files and commands on every node; changing them replaces the nodes. */
export const nodeAdditions = z
  .strictObject({
    files: z.array(file).max(32).default([]).describe('Files on every node.'),
    preKubeadmCommands: z.array(command).max(32).default([]).describe('Commands that run before kubeadm.'),
    postKubeadmCommands: z.array(command).max(32).default([]).describe('Commands that run after kubeadm.'),
  })
  .describe('Your own files and commands on every node. They take room of the 64 KiB of user data.');

/** `workerPools[].autoscaling`: bounds that the cluster autoscaler keeps to (its Cluster API provider). */
export const poolAutoscaling = z
  .strictObject({ min: z.int().min(0).max(1000), max: z.int().min(1).max(1000) })
  .refine(({ min, max }) => min <= max, 'min must not be above max')
  .describe('Bounds for the cluster autoscaler; replicas is the size at the start.');

type PoolAutoscaling = z.output<typeof poolAutoscaling>;

/** The user's additions as kubeadm configuration; empty without any. */
export function userAdditions(plan: ClusterPlan): {
  readonly files: readonly KubeadmFile[];
  readonly before: readonly string[];
  readonly after: readonly string[];
} {
  const { nodes } = plan.spec;
  return {
    files: nodes.files.map((entry) => protectedFile(entry)),
    before: nodes.preKubeadmCommands,
    after: nodes.postKubeadmCommands,
  };
}

/** Autoscaler bounds of a pool; undefined: its size is fixed. */
export function autoscalingOf(plan: ClusterPlan, pool: string): PoolAutoscaling | undefined {
  return plan.spec.workerPools.find((candidate) => candidate.name === pool)?.autoscaling;
}

/** Content with Jinja's delimiters travels as base64, because the user data is a Jinja template. */
function protectedFile(entry: Required<Pick<KubeadmFile, 'path' | 'owner' | 'permissions'>> & { content: string }) {
  return /\{[{%#]/.test(entry.content)
    ? { ...entry, encoding: 'base64' as const, content: Buffer.from(entry.content, 'utf8').toString('base64') }
    : entry;
}
