/** Where a booting control-plane machine stands, read off its serial console. */
export type BootProgress =
  | { readonly state: 'booting'; readonly phase: BootPhase; readonly last: string }
  | { readonly state: 'failed'; readonly phase: BootPhase; readonly reason: string; readonly line: number };

/** Phases in the order in which they come. */
const phases = [
  'waiting for the serial console',
  'firmware',
  'cloud-init',
  'kubeadm preflight',
  'image pull',
  'certificates',
  'etcd',
  'API server',
  'configuration',
  'initialised',
] as const;
export type BootPhase = (typeof phases)[number];

/** Markers of the kernel, cloud-init and kubeadm (its own phase names), each the beginning of a phase. */
const markers: readonly (readonly [RegExp, BootPhase])[] = [
  [/\S/, 'firmware'],
  [/cloud-init\[\d+\]|Cloud-init v\./i, 'cloud-init'],
  [/\[preflight\] Running pre-flight checks/i, 'kubeadm preflight'],
  [/\[preflight\] Pulling images/i, 'image pull'],
  [/\[certs\]/, 'certificates'],
  [/\[etcd\]/, 'etcd'],
  [/\[(wait-control-plane|control-plane-check|api-check)\]/, 'API server'],
  [/\[(upload-config|addons)\]/, 'configuration'],
  [/initialized successfully|bootstrap-success/, 'initialised'],
];

/**
 * Lines after which the machine does not become a control plane by itself, the most telling kind first. The first
 * group is the reason.
 */
const failures: readonly RegExp[] = [
  /\[ERROR [^\]]+\]:?\s*(.+)/,
  /error execution phase (.+)/,
  /kubeadm: error: (.+)/,
  /cloud-init\[\d+\]: (?:.*\b(?:ERROR|Traceback)\b:?\s*)(.+)/,
  /cloud-init\[\d+\]: (Failed to run module .+|Failed loading yaml blob.*|.*[Ii]nvalid user-data.*)/,
  /(Kernel panic.*|Unable to mount root fs.*)/,
];

/** Colours and control characters of a serial console. */
// oxlint-disable-next-line no-control-regex -- a console is full of them
const controls = /\u001B\[[0-9;?]*[A-Za-z]|[\u0000-\u0008\u000B-\u001F\u007F]/g;

/** A line of a serial console as text. */
export function plainLine(line: string): string {
  return line.replaceAll(controls, '').trim();
}

/**
 * Reads the console text.
 *
 * @returns the furthest phase that began and the last line; `failed` with the most telling error line when cloud-init
 *   or kubeadm gave up
 */
export function bootProgress(console: string): BootProgress {
  const lines = console.split('\n').map(plainLine);
  const reached = new Set(
    markers.filter(([marker]) => lines.some((line) => marker.test(line))).map(([, phase]) => phase),
  );
  const phase = phases.findLast((candidate) => reached.has(candidate)) ?? phases[0];
  for (const pattern of failures) {
    const index = lines.findIndex((line) => pattern.test(line));
    if (index !== -1) {
      const text = lines[index] ?? '';
      return { state: 'failed', phase, reason: (pattern.exec(text)?.[1] ?? text).slice(0, 300), line: index + 1 };
    }
  }
  return { state: 'booting', phase, last: (lines.findLast((line) => line !== '') ?? '').slice(0, 300) };
}
