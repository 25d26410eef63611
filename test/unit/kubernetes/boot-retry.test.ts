import { expect, test } from 'vitest';
import { samplePlan } from '#test/support/sample-plan.ts';
import { bootProgress } from '#kubernetes/boot/progress.ts';
import { decideBoot } from '#kubernetes/boot/retry.ts';

const decide = (console: string, patch: object = {}) =>
  decideBoot({
    plan: samplePlan(),
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
  const late: any = decide(preflight, { elapsedSeconds: 1801 });
  expect(late).toMatchObject({
    next: 'replace',
    because: expect.stringContaining('kubeadm preflight: nothing new for 30 minutes'),
  });
  const name = samplePlan().controlPlane.machineName;
  expect(late.remove.map(({ id }: { id: string }) => id.split('/').slice(-2).join('/'))).toEqual([
    `virtualMachines/${name}`,
    `disks/${name}_OSDisk`,
    `disks/${name}_etcddisk`,
  ]);
});

test('a failure that may not come again is tried once more, never twice', () => {
  expect(decide(pull)).toMatchObject({ next: 'replace', because: expect.stringContaining('i/o timeout') });
  expect(decide(pull, { replacements: 1 })).toMatchObject({ next: 'fail' });
});

test('a machine that ever answered as API server is never replaced', () => {
  expect(decide(pull, { holdsState: true })).toMatchObject({ next: 'fail' });
});

test('a failure that the same user data meets again ends at once', () => {
  expect(
    decide(`${preflight}\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2`),
  ).toMatchObject({ next: 'fail' });
  expect(decide('cloud-init[1]: ERROR: invalid user-data')).toMatchObject({ next: 'fail' });
});
