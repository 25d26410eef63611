/** Where a booting control-plane machine stands, read off its serial console. */
export type BootProgress =
  | { readonly state: 'booting'; readonly phase: string }
  | { readonly state: 'failed'; readonly phase: string; readonly reason: string; readonly line: number };

/** Phases in the order in which their marks appear on the console (kubeadm's own phase names). */
const marks: readonly (readonly [RegExp, string])[] = [
  [/cloud-init.*(running|init)/i, 'cloud-init'],
  [/\[preflight\] Running pre-flight checks/, 'kubeadm preflight'],
  [/\[preflight\] Pulling images/, 'image pull'],
  [/\[certs\]/, 'certificates'],
  [/\[etcd\]/, 'etcd'],
  [/\[wait-control-plane\]|\[control-plane\]/, 'API server'],
  [/\[upload-config\]|\[addon/, 'configuration'],
  [/Your Kubernetes control-plane has initialized successfully|bootstrap-success/, 'initialised'],
];

const failures: readonly RegExp[] = [
  /\[ERROR [^\]]+\]:?\s*(.+)/,
  /^(?:.*\s)?error execution phase ([^\n]+)/,
  /cloud-init.*(?:failed|error)[: ]+(.+)/i,
];

/**
 * Reads the console text.
 *
 * @returns the last phase that began; `failed` with the first error line when kubeadm or cloud-init gave up
 */
export function bootProgress(console: string): BootProgress {
  let phase = 'waiting for the serial console';
  const lines = console.split('\n');
  for (const [index, line] of lines.entries()) {
    for (const [pattern, name] of marks) if (pattern.test(line)) phase = name;
    for (const pattern of failures) {
      const found = pattern.exec(line);
      if (found !== null) return { state: 'failed', phase, reason: (found[1] ?? line).trim(), line: index + 1 };
    }
  }
  return { state: 'booting', phase };
}
