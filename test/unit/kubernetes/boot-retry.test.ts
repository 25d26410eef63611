import { expect, test } from 'vitest';
import { samplePlan } from '#test/support/sample-plan.ts';
import { bootEvidence } from '#kubernetes/boot/evidence.ts';
import { bootProgress } from '#kubernetes/boot/progress.ts';
import { decideBoot, firstMachineResources } from '#kubernetes/boot/retry.ts';

const decide = (console: string, patch: object = {}) =>
  decideBoot({
    progress: bootProgress(console),
    elapsedSeconds: 300,
    replacements: 0,
    holdsState: false,
    ...patch,
  });
const preflight = 'cloud-init[1]: Cloud-init v. 25\n[preflight] Running pre-flight checks\n';
const pull = `${preflight}[preflight] Pulling images\nerror execution phase preflight: failed to pull image: i/o timeout\n`;

test('a machine that boots is waited for, up to the limit, then replaced once with its disks', () => {
  expect(decide(preflight)).toEqual({ next: 'wait' });
  const late = decide(preflight, { elapsedSeconds: 1801 });
  expect(late).toMatchObject({
    next: 'replace',
    because: expect.stringContaining('kubeadm preflight: nothing new for 30 minutes'),
  });
  const name = samplePlan().controlPlane.machineName;
  expect(firstMachineResources(samplePlan()).map(({ id }) => id.split('/').slice(-2).join('/'))).toEqual([
    `virtualMachines/${name}`,
    `disks/${name}_OSDisk`,
    `disks/${name}_etcddisk`,
  ]);
});

test('a failure that may not come again is tried once more, never twice', () => {
  expect(decide(pull)).toMatchObject({ next: 'replace', because: expect.stringContaining('i/o timeout') });
  expect(decide(pull, { replacements: 1 })).toMatchObject({ next: 'fail', mayBeReplaced: true });
});

test('a machine that ever answered as API server is never replaced', () => {
  expect(decide(pull, { holdsState: true })).toMatchObject({ next: 'fail', mayBeReplaced: false });
});

test('a failure that the same user data meets again ends at once', () => {
  expect(
    decide(`${preflight}\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2`),
  ).toMatchObject({ next: 'fail' });
  expect(decide('cloud-init[1]: ERROR: invalid user-data')).toMatchObject({ next: 'fail' });
});

test('what failed in an earlier operation may have been corrected since: a fresh machine is tried', () => {
  const small = `${preflight}\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2`;
  expect(decide(small, { inherited: true })).toMatchObject({ next: 'replace' });
  expect(decide(small, { inherited: true, holdsState: true })).toMatchObject({ next: 'fail' });
});

test('the event shows the phase, the machine and the end of the console, without what opens the cluster', () => {
  const console = [
    ...Array.from({ length: 60 }, (_, index) => `line ${index}`),
    'kubeadm join demo:6443 --token abcdef.0123456789abcdef --certificate-key 0a1b2c3d',
    '-----BEGIN RSA PRIVATE KEY-----',
    'MIIEpAIBAAKCAQEA',
    '-----END RSA PRIVATE KEY-----',
    '\u001B[31merror execution phase preflight: failed to pull image\u001B[0m',
  ].join('\n');
  const evidence = bootEvidence(bootProgress(pull), console, {
    exists: true,
    powerState: 'running',
    provisioningState: 'succeeded',
    problems: ['OSProvisioningTimedOut: the agent did not report'],
  });
  expect(evidence.slice(0, 2)).toEqual([
    'stopped in: image pull',
    'machine: running, provisioning succeeded, OSProvisioningTimedOut: the agent did not report',
  ]);
  expect(evidence.at(-1)).toBe('error execution phase preflight: failed to pull image');
  expect(evidence.length).toBeLessThan(30);
  const text = evidence.join('\n');
  expect(text).not.toMatch(/abcdef\.|0a1b2c3d|MIIE|PRIVATE/);
});
