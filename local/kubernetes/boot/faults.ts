import { z } from 'zod';

/** Phases of a control-plane machine's boot in which a fault can be planted, in their order in the boot script. */
const phases = ['cloud-init', 'kubeadm preflight', 'image pull', 'etcd', 'API server'] as const;
type FaultPhase = (typeof phases)[number];

const ruleSchema = z.strictObject({
  boot: z.strictObject({
    /** Regular expression over the machine's name; default: every machine. */
    machine: z.string().default('.*'),
    phase: z.enum(phases),
    /** fails: the phase ends with an error; hangs: it never ends. */
    kind: z.enum(['fails', 'hangs']).default('fails'),
    /** How many boots are hit; 0 = every one. */
    times: z.int().min(0).default(1),
  }),
});

type Rule = z.infer<typeof ruleSchema>['boot'];

/** A fault as one boot keeps it. */
export interface BootFault {
  readonly step: number;
  readonly kind: 'fails' | 'hangs';
  /** The line that kubeadm or cloud-init ends with. */
  readonly line: string;
}

/** What ends each phase, in the words of cloud-init and kubeadm. */
const lines: Readonly<Record<FaultPhase, string>> = {
  'cloud-init': 'cloud-init[1187]: ERROR: Could not get lock /var/lib/dpkg/lock-frontend',
  'kubeadm preflight':
    '\t[ERROR FileContent--proc-sys-net-ipv4-ip_forward]: /proc/sys/net/ipv4/ip_forward contents are not set to 1',
  'image pull':
    'error execution phase preflight: failed to pull image registry.k8s.io/kube-apiserver: dial tcp: i/o timeout',
  etcd: 'error execution phase etcd/local: mkdir /var/lib/etcddisk/etcd: read-only file system',
  'API server':
    'error execution phase wait-control-plane: failed while waiting for the control plane to start: context deadline exceeded',
};

/** `POST /_simulator/faults` with `{ "boot": { "machine", "phase", "kind", "times" } }`: machines that do not come up. */
export interface BootFaults {
  /** True when a rule posted to the faults door is one of these. */
  accepts(rule: unknown): boolean;
  /** Adds a rule; throws with every problem named when its form is wrong. */
  add(rule: unknown): { readonly boot: number };
  list(): readonly unknown[];
  clear(): void;
  /** The fault of a machine that boots now, counted as used. */
  take(machine: string): BootFault | undefined;
}

export function createBootFaults(): BootFaults {
  let rules: { readonly rule: Rule; used: number }[] = [];
  return {
    accepts: (rule) => typeof rule === 'object' && rule !== null && 'boot' in rule,
    add(rule) {
      const parsed = ruleSchema.safeParse(rule);
      if (!parsed.success) throw new Error(`The boot fault is not valid:\n${z.prettifyError(parsed.error)}`);
      RegExp(parsed.data.boot.machine);
      rules.push({ rule: parsed.data.boot, used: 0 });
      return { boot: rules.length };
    },
    list: () => rules.map(({ rule, used }) => ({ boot: rule, used })),
    clear() {
      rules = [];
    },
    take(machine) {
      const found = rules.find(
        ({ rule, used }) => (rule.times === 0 || used < rule.times) && new RegExp(rule.machine).test(machine),
      );
      if (found === undefined) return undefined;
      found.used += 1;
      const { phase, kind } = found.rule;
      return { step: phases.indexOf(phase), kind, line: lines[phase] };
    },
  };
}
