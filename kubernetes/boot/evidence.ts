import { type BootProgress, plainLine } from './progress.ts';

/** What Azure says of the machine, as far as it could be asked. */
export interface MachineState {
  readonly exists: boolean;
  readonly powerState?: string;
  readonly provisioningState?: string;
  readonly problems: readonly string[];
}

/** Lines of the serial console that are kept, and their longest length: an event has to fit into a queue message. */
const tailLines = 25;
const lineLength = 240;

/** What kubeadm prints on success lets anybody join: tokens and the certificate key. */
const credentials: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, 'REDACTED'],
  [/(--?certificate-key[ =]+)\S+/g, '$1REDACTED'],
  [/((?:password|secret|token)\s*[=:]\s*)\S+/gi, '$1REDACTED'],
  [/([?&](?:sig|se|sp|sv)=)[^&\s]+/g, '$1REDACTED'],
];

/**
 * What an event shows when the first machine does not come up: where it stopped, what Azure says of it, and the end of
 * the serial console without what could be used to enter the cluster.
 */
export function bootEvidence(
  progress: BootProgress,
  console: string,
  machine: MachineState | undefined,
): readonly string[] {
  return [`stopped in: ${progress.phase}`, `machine: ${machineSentence(machine)}`, ...consoleTail(console)];
}

/** e.g. `running, provisioning succeeded`. */
export function machineSentence(machine: MachineState | undefined): string {
  if (machine === undefined) return 'its state could not be read';
  if (!machine.exists) return 'does not exist';
  const parts = [
    machine.powerState ?? 'power state unknown',
    ...(machine.provisioningState === undefined ? [] : [`provisioning ${machine.provisioningState}`]),
    ...machine.problems.map((problem) => problem.slice(0, lineLength)),
  ];
  return parts.join(', ');
}

function consoleTail(console: string): readonly string[] {
  let inKey = false;
  const lines = console.split('\n').flatMap((line) => {
    const plain = plainLine(line);
    if (/-----BEGIN /.test(plain)) inKey = true;
    const hidden = inKey;
    if (/-----END /.test(plain)) inKey = false;
    return plain === '' || hidden ? [] : [plain];
  });
  if (lines.length === 0) return ['serial console: empty'];
  return lines
    .slice(-tailLines)
    .map((line) =>
      credentials.reduce((text, [pattern, shown]) => text.replaceAll(pattern, shown), line).slice(0, lineLength),
    );
}
