import { expect, test } from 'vitest';
import { bootProgress } from '#kubernetes/boot/progress.ts';

const booted = [
  '[    0.000000] Linux version 6.8',
  "cloud-init[812]: Cloud-init v. 25.2 running 'modules:config'",
  '[preflight] Running pre-flight checks',
];
const text = (...lines: string[]) => [...booted, ...lines].join('\r\n');

test('a failed preflight check is the reason, with its line, without the colours of the console', () => {
  const console = text(
    '\t[WARNING Hostname]: x',
    '\u001b[31m\t[ERROR Swap]: swap is on\u001b[0m',
    'error execution phase preflight: see above',
  );
  expect(bootProgress(console)).toEqual({ state: 'failed', phase: 'kubeadm preflight', reason: 'swap is on', line: 5 });
});

test('a failed phase and a failed user data are told; a warning or a retried error is not a failure', () => {
  expect(bootProgress(text('error execution phase certs/ca: open ca.key: no such file'))).toMatchObject({
    state: 'failed',
    reason: 'certs/ca: open ca.key: no such file',
  });
  expect(bootProgress('cloud-init[812]: ERROR: line 3: bad yaml')).toMatchObject({
    state: 'failed',
    reason: 'line 3: bad yaml',
    phase: 'cloud-init',
  });
  expect(bootProgress(text('[wait-control-plane] context deadline exceeded, retrying')).state).toBe('booting');
});

test('the furthest phase counts, whatever is printed later', () => {
  const lines = [
    '[certs] Generating "ca"',
    '[etcd] Creating static Pod manifest',
    '[wait-control-plane] Waiting',
    'cloud-init[812]: still here',
  ];
  expect(bootProgress(text(...lines))).toEqual({
    state: 'booting',
    phase: 'API server',
    last: 'cloud-init[812]: still here',
  });
  expect(bootProgress(text(...lines, 'Your Kubernetes control-plane has initialized successfully!')).phase).toBe(
    'initialised',
  );
  expect(bootProgress('')).toEqual({ state: 'booting', phase: 'waiting for the serial console', last: '' });
});
