import type { Clock } from '#local/azure/clock.ts';
import type { BootedMachine } from '#local/azure/machines.ts';
import type { UserData } from './cloud-init.ts';
import { parseUserData, UserDataProblem } from './cloud-init.ts';
import type { InitPlan, JoinPlan } from './kubeadm.ts';
import { KubeadmProblem, planKubeadm } from './kubeadm.ts';
import type { MachineRecord } from './records.ts';

/** What the boot asks of the world around the machine. */
export interface BootWorld {
  readonly clock: Clock;
  save(): void;
  /** `kubeadm init` reached the API server phase. */
  init(plan: InitPlan): Promise<void>;
  /** Reaches the API server through the load balancer; undefined while nothing answers. */
  discover(plan: JoinPlan): { problem: string } | 'ready' | undefined;
  join(plan: JoinPlan): Promise<void>;
}

interface Step {
  readonly seconds: number;
  readonly lines: readonly string[];
  run?(): void | Promise<void> | { retryAfter: number };
}

interface Boot {
  cancel(): void;
}

const DISCOVERY_RETRY_SECONDS = 10;
const DISCOVERY_BUDGET_SECONDS = 300;

/** The plan of a machine whose user data is known to be good: used to resume it after a restart. */
export function planOf(machine: BootedMachine): InitPlan | JoinPlan | undefined {
  return planKubeadm(machine, parseUserData(machine.customData, machine.computerName));
}

/**
 * Runs a machine's boot on the clock, phase by phase, with serial-console text. Continues at `record.step`, so that a boot
 * that was interrupted by a restart of the simulator goes on with the phase it was in. Durations are Azure seconds.
 */
export function startBoot(machine: BootedMachine, record: MachineRecord, world: BootWorld): Boot {
  const { clock } = world;
  let timer: { cancel(): void } | undefined;
  let cancelled = false;
  const log = (lines: readonly string[]): void => {
    record.console += lines.map((line) => `${line}\n`).join('');
  };
  const fail = (error: unknown): void => {
    if (cancelled) return;
    record.state = 'failed';
    log(failureLines(error));
    world.save();
  };
  const steps: Step[] = scriptOf(machine, log, world);
  const runFrom = (index: number): void => {
    if (cancelled) return;
    const step = steps[index];
    record.step = index;
    if (step === undefined) {
      record.state = 'running';
      world.save();
      return;
    }
    log(step.lines);
    world.save();
    if (record.fault?.step === index && record.fault.kind === 'hangs') return;
    timer = clock.after(step.seconds, () => void finish(step, index));
  };
  const finish = async (step: Step, index: number): Promise<void> => {
    if (cancelled) return;
    try {
      if (record.fault?.step === index) throw new KubeadmProblem([record.fault.line]);
      const outcome = await step.run?.();
      if (outcome !== undefined) {
        timer = clock.after(outcome.retryAfter, () => void finish(step, index));
        return;
      }
    } catch (error) {
      fail(error);
      return;
    }
    runFrom(index + 1);
  };
  if (record.step === 0)
    log([
      `[    0.000000] Linux version 6.8.0-1034-azure (${machine.imageReference})`,
      `[    4.215006] systemd[1]: Hostname set to <${machine.computerName}>.`,
    ]);
  runFrom(record.step);
  return {
    cancel: () => {
      cancelled = true;
      timer?.cancel();
    },
  };
}

function failureLines(error: unknown): string[] {
  if (error instanceof KubeadmProblem) {
    return [
      ...error.lines.map((line, index) => (index === 0 && !line.startsWith('[') ? `error: ${line}` : line)),
      'To see the stack trace of this error execute with --v=5 or higher',
      'cloud-init[1187]: Failed to run module scripts_user (scripts in /var/lib/cloud/instance/scripts)',
      'cloud-init[1187]: Cloud-init finished with errors; the machine did not join a cluster.',
    ];
  }
  const what = error instanceof Error ? error.message : String(error);
  const prefix = error instanceof UserDataProblem ? 'cloud-init[812]: ERROR: ' : 'kubeadm: error: ';
  return [`${prefix}${what}`, 'cloud-init[1187]: Cloud-init finished with errors; the machine did not join a cluster.'];
}

/** Later steps read what earlier ones worked out; both are pure functions of the user data, so a resumed boot redoes them. */
function scriptOf(machine: BootedMachine, log: (lines: readonly string[]) => void, world: BootWorld): Step[] {
  if (machine.customData === '') {
    return [
      {
        seconds: 15,
        lines: ['cloud-init[812]: No user data found; Cloud-init finished.', `${machine.computerName} login: `],
      },
    ];
  }
  const steps: Step[] = [
    {
      seconds: 15,
      lines: [
        "cloud-init[812]: Cloud-init v. 25.2 running 'init'",
        'cloud-init[812]: Datasource DataSourceAzure [seed=/dev/sr0]',
      ],
      run: () => {
        const data = parseUserData(machine.customData, machine.computerName);
        log([...describe(data), "cloud-init[1187]: Cloud-init v. 25.2 running 'modules:final'"]);
      },
    },
  ];
  let plan: InitPlan | JoinPlan | undefined;
  try {
    plan = planOf(machine);
  } catch (error) {
    const isUserData = error instanceof UserDataProblem;
    if (isUserData) return steps;
    return [
      ...steps,
      { seconds: 5, lines: ['[preflight] Running pre-flight checks'], run: () => Promise.reject(error) },
    ];
  }
  if (plan === undefined)
    return [...steps, { seconds: 2, lines: ['cloud-init[1187]: no kubeadm command in runcmd; Cloud-init finished.'] }];
  return [...steps, ...(plan.kind === 'init' ? initSteps(plan, log, world) : joinSteps(plan, log, world))];
}

function describe(data: UserData): string[] {
  return [
    `cloud-init[840]: write_files wrote ${data.files.size} files`,
    ...(data.users.length === 0 ? [] : [`cloud-init[840]: users: ${data.users.join(', ')}`]),
    ...(data.mounts.length === 0 ? [] : [`cloud-init[840]: mounts: ${data.mounts.join(', ')}`]),
    ...data.ignored.map((name) => `cloud-init[840]: module ${name} is not modelled by this machine and was skipped`),
  ];
}

function initSteps(plan: InitPlan, log: (lines: readonly string[]) => void, world: BootWorld): Step[] {
  return [
    {
      seconds: 5,
      lines: [`[init] Using Kubernetes version: ${plan.version}`, '[preflight] Running pre-flight checks'],
    },
    { seconds: 25, lines: ['[preflight] Pulling images required for setting up a Kubernetes cluster'] },
    {
      seconds: 15,
      lines: [
        '[certs] Using certificateDir folder "/etc/kubernetes/pki"',
        '[certs] Using existing ca certificate authority',
        '[certs] Using existing etcd/ca certificate authority',
        '[certs] Using existing front-proxy-ca certificate authority',
        '[certs] Using the existing "sa" key',
        '[etcd] Creating static Pod manifest for local etcd in "/etc/kubernetes/manifests"',
      ],
    },
    {
      seconds: 20,
      lines: [
        '[control-plane] Creating static Pod manifest for "kube-apiserver"',
        '[wait-control-plane] Waiting for a healthy API server. This can take up to 4m0s',
      ],
      run: async () => {
        await world.init(plan);
        log([
          '[control-plane-check] kube-apiserver is healthy',
          '[addons] Applied essential addon: CoreDNS',
          '[addons] Applied essential addon: kube-proxy',
          'Your Kubernetes control-plane has initialized successfully!',
          'cloud-init[1187]: Cloud-init v. 25.2 finished.',
        ]);
      },
    },
  ];
}

function joinSteps(plan: JoinPlan, log: (lines: readonly string[]) => void, world: BootWorld): Step[] {
  let waited = 0;
  const where = `https://${plan.endpointHost}:${plan.endpointPort}`;
  const discovery: Step = {
    seconds: 5,
    lines: [
      '[preflight] Running pre-flight checks',
      `[discovery] Trying to connect to API Server "${plan.endpointHost}:${plan.endpointPort}"`,
    ],
    run: () => {
      const found = world.discover(plan);
      if (found === 'ready') return undefined;
      const problem =
        found?.problem ??
        `Get "${where}/api/v1/namespaces/kube-public/configmaps/cluster-info?timeout=10s": dial tcp: connect: connection refused`;
      waited += DISCOVERY_RETRY_SECONDS;
      if (waited > DISCOVERY_BUDGET_SECONDS) {
        throw new KubeadmProblem([
          `error execution phase preflight: couldn't validate the identity of the API Server: ${problem}`,
        ]);
      }
      return { retryAfter: DISCOVERY_RETRY_SECONDS };
    },
  };
  return [
    discovery,
    { seconds: 20, lines: ['[preflight] Pulling images required for setting up a Kubernetes cluster'] },
    ...(plan.controlPlane
      ? [
          {
            seconds: 10,
            lines: [
              '[certs] Using certificateDir folder "/etc/kubernetes/pki"',
              '[etcd] Announced new etcd member joining to the existing etcd cluster',
            ],
          },
        ]
      : []),
    {
      seconds: plan.controlPlane ? 15 : 10,
      lines: [
        '[kubelet-start] Starting the kubelet',
        '[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap',
      ],
      run: async () => {
        await world.join(plan);
        log(['This node has joined the cluster.', 'cloud-init[1187]: Cloud-init v. 25.2 finished.']);
      },
    },
  ];
}
