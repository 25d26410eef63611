import { expect, test } from 'vitest';
import { bootFailure, diagnoseBoot } from '#domain/kubeadm/boot-log.ts';
import { samplePlan } from '#test/support/sample-plan.ts';

const booted = [
  '[    0.000000] Linux version 6.8',
  "cloud-init[812]: Cloud-init v. 25.2 running 'modules:config'",
  '[preflight] Running pre-flight checks',
];

test('a failed preflight check is the cause, with its line', () => {
  const console = [
    ...booted,
    '\t[WARNING Hostname]: x',
    '\u001b[31m\t[ERROR Swap]: swap is on\u001b[0m',
    'error execution phase preflight: see above',
  ].join('\r\n');
  expect(diagnoseBoot(console)).toEqual({
    phase: 'kubeadm preflight',
    failure: { line: 5, text: '[ERROR Swap]: swap is on' },
    last: 'error execution phase preflight: see above',
  });
  expect(bootFailure(samplePlan(), console, 20)).toMatchObject({
    code: 'CAP-4203',
    where: `${samplePlan().controlPlane.machineName} · Standard_D2s_v5 · zone 1`,
    cause: 'kubeadm preflight: [ERROR Swap]: swap is on (serial console, line 5)',
  });
});

test('without an error line the phase and the last line are told', () => {
  expect(bootFailure(samplePlan(), [...booted, '[preflight] Pulling images required', ''].join('\n'), 20).cause).toBe(
    'stopped in image pull; last line of the serial console: [preflight] Pulling images required',
  );
  expect(diagnoseBoot('')).toEqual({ phase: 'firmware', last: '' });
});

test('phases are recognised in order and never go back', () => {
  const lines = [
    '[certs] Generating "ca"',
    '[etcd] Creating static Pod manifest',
    '[wait-control-plane] Waiting',
    'cloud-init[812]: still here',
  ];
  expect(diagnoseBoot([...booted, ...lines].join('\n')).phase).toBe('API server');
  expect(
    diagnoseBoot([...booted, ...lines, 'Your Kubernetes control-plane has initialized successfully!'].join('\n')).phase,
  ).toBe('done');
});
