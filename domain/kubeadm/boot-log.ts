import type { CapstanError } from '../errors/error.ts';
import { errorEntry } from '../errors/registry.ts';
import type { ClusterPlan } from '../plan/types.ts';

/** Where a booting control-plane machine stands, in order. */
export const bootPhases = [
  'firmware',
  'cloud-init',
  'kubeadm preflight',
  'image pull',
  'certificates',
  'etcd',
  'API server',
  'done',
] as const;
export type BootPhase = (typeof bootPhases)[number];

/** What a serial console tells. */
export interface BootDiagnosis {
  readonly phase: BootPhase;
  /** The line that names the failure; undefined when none was found. */
  readonly failure?: { readonly line: number; readonly text: string };
  /** The last non-empty line. */
  readonly last: string;
}

/** Markers of cloud-init and kubeadm, each the beginning of a phase. */
const markers: readonly (readonly [RegExp, BootPhase])[] = [
  [/cloud-init\[\d+\]|Cloud-init v\./i, 'cloud-init'],
  [/\[preflight\] Running pre-flight checks/i, 'kubeadm preflight'],
  [/\[preflight\] Pulling images/i, 'image pull'],
  [/^\s*(\S+: )?\[certs\]/i, 'certificates'],
  [/\[etcd\]/i, 'etcd'],
  [/\[(wait-control-plane|control-plane-check|kubelet-check|api-check)\]/i, 'API server'],
  [/initialized successfully|Cloud-init v\. .* finished/i, 'done'],
];

/** Lines that say why; the first of the most telling kind is the cause. */
const failures: readonly RegExp[] = [
  /\[ERROR [\w-]+\]: /,
  /error execution phase|kubeadm: error|timed out waiting for the condition|context deadline exceeded/i,
  /failed to pull image|ErrImagePull|ImagePullBackOff/i,
  /cloud-init\[\d+\]: .*(ERROR|Traceback|Failed)|failed to run module|Failed loading yaml blob|invalid user-data/i,
  /Kernel panic|Unable to mount root fs|Out of memory: Killed|No space left on device/i,
];

/** Control characters and colours of a serial console. */
// oxlint-disable-next-line no-control-regex -- a console is full of them
const controls = /\u001B\[[0-9;?]*[A-Za-z]|[\u0000-\u0008\u000B-\u001F\u007F]/g;

/** Reads the text of a serial console: how far the boot came, and the line that says why it stopped. */
export function diagnoseBoot(console: string): BootDiagnosis {
  const lines = console.split('\n').map((line) => line.replaceAll(controls, '').trimEnd());
  let phase: BootPhase = 'firmware';
  for (const line of lines) {
    for (const [marker, reached] of markers) {
      if (marker.test(line) && bootPhases.indexOf(reached) > bootPhases.indexOf(phase)) {
        phase = reached;
      }
    }
  }
  const last = lines.findLast((line) => line.trim() !== '') ?? '';
  for (const pattern of failures) {
    const index = lines.findIndex((line) => pattern.test(line));
    if (index !== -1) {
      return {
        phase,
        failure: { line: index + 1, text: (lines[index] ?? '').trim().slice(0, 300) },
        last: last.slice(0, 300),
      };
    }
  }
  return { phase, last: last.slice(0, 300) };
}

/** CAP-4203 for a first machine whose API server did not answer in time. `minutes` are Azure minutes waited. */
export function bootFailure(plan: ClusterPlan, console: string, minutes: number): CapstanError {
  const { phase, failure, last } = diagnoseBoot(console);
  const { machineName, vmSize, zone } = plan.controlPlane;
  const found =
    failure === undefined
      ? `stopped in ${phase}; last line of the serial console: ${last === '' ? '(empty)' : last}`
      : `${phase}: ${failure.text} (serial console, line ${failure.line})`;
  return {
    code: 'CAP-4203',
    message: `${machineName} did not become ready within ${minutes} m`,
    where: [machineName, vmSize, ...(zone === undefined ? [] : [`zone ${zone}`])].join(' · '),
    cause: found,
    remedy: errorEntry('CAP-4203').remedy,
  };
}
