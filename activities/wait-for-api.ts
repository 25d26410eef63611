import type { MachineView } from '#azure/types.ts';
import type { BootEnd } from '#kubernetes/boot/retry.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { BootRecord } from '#domain/record.ts';
import type { ActivityInput, ActivityOutcome } from './contract.ts';
import { defineActivity } from './define.ts';
import { bootRecord, holdsState, isOtherMachine, machineId, saveBootRecord } from './first-machine.ts';
import { recordEvent } from './progress.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';
import type { Work } from './runtime.ts';

/**
 * Waits for `/readyz` of the first control-plane machine. When it does not come up, the event says in which phase it
 * stopped, with the end of the serial console and what Azure says of the machine; once per operation a fresh machine
 * is asked for.
 */
defineActivity('waitForApi', async (work, input) => {
  const plan = await planAsBuilt(work);
  const record = await bootRecord(work);
  if ((await isOtherMachine(work, plan)) && !(await holdsState(work, record)))
    return done({ replace: true }, `${plan.controlPlane.machineName} is made anew: it was made from another document`);
  const { checkReady } = await import('#kubernetes/client/connect.ts');
  const outcome = await withCluster(work, async ({ client }) => {
    const ready = await checkReady(client, plan.network.api.host);
    if (ready.status === 'done') await observeNodes(work, client, false);
    return ready;
  });
  if (outcome.status === 'done') {
    await saveBootRecord(work, { ...record, answered: true });
    const zone = plan.controlPlane.zone === undefined ? '' : ` in zone ${plan.controlPlane.zone}`;
    return done({}, `${plan.controlPlane.machineName}${zone} · https://${plan.network.api.host}:6443 answers`);
  }
  return outcome.status === 'wait'
    ? lookAtBoot(work, input, { plan, record, retryAfter: outcome.retryAfter })
    : outcome;
});

interface Look {
  readonly plan: ClusterPlan;
  readonly record: BootRecord;
  readonly retryAfter: number;
}

async function lookAtBoot(
  work: Work,
  input: ActivityInput,
  { plan, record, retryAfter }: Look,
): Promise<ActivityOutcome<'waitForApi'>> {
  const { bootProgress } = await import('#kubernetes/boot/progress.ts');
  const { decideBoot } = await import('#kubernetes/boot/retry.ts');
  const { bootEvidence, machineSentence } = await import('#kubernetes/boot/evidence.ts');
  const console = await serialConsole(work, plan);
  const progress = bootProgress(console);
  const decision = decideBoot({
    progress,
    elapsedSeconds: ((Date.now() - record.since) / 1000) * work.ref.timeScale,
    replacements: record.replacements,
    holdsState: await holdsState(work, record),
    inherited: record.inherited,
  });
  const name = plan.controlPlane.machineName;
  if (decision.next === 'wait') {
    await saveBootRecord(work, record);
    return wait(retryAfter, { sentence: `${name} is booting: ${progress.phase}` });
  }
  const machine = await machineView(work, plan);
  const cause = `${decision.because} · ${machineSentence(machine)}`;
  await saveBootRecord(work, record);
  await recordEvent(work.store, input, `boot/${decision.next}/${record.replacements}`, {
    type: `boot.${decision.next === 'replace' ? 'retry' : 'failed'}`,
    sentence:
      decision.next === 'replace'
        ? `${name} did not come up (${decision.because}): it is made anew, once`
        : `${name} did not come up: ${decision.because}`,
    evidence: bootEvidence(progress, console, machine),
  });
  return decision.next === 'replace'
    ? done({ replace: true }, `${name} is made anew: ${decision.because}`)
    : failed(bootError(plan, decision, cause));
}

function bootError({ controlPlane }: ClusterPlan, decision: BootEnd, cause: string) {
  const { machineName, vmSize, zone } = controlPlane;
  return {
    code: 'CAP-4203' as const,
    message: `${machineName} did not become ready`,
    where: `${machineName} · ${vmSize}${zone === undefined ? '' : ` · zone ${zone}`}`,
    cause,
    remedy: decision.mayBeReplaced
      ? 'Correct what the serial console names (usually spec.image) and apply again: the machine is made anew. The event boot.failed shows the end of the console.'
      : 'The machine has answered before and holds the state of the cluster, so it is not replaced. Start or repair it, then apply again. The event boot.failed shows the end of the console.',
  };
}

async function serialConsole(work: Work, plan: ClusterPlan): Promise<string> {
  const id = machineId(plan);
  if (id === undefined) return '';
  try {
    return await (await work.azure()).serialConsole(id);
  } catch {
    // Boot diagnostics are a help, not a condition: the next look asks again.
    return '';
  }
}

async function machineView(work: Work, plan: ClusterPlan): Promise<MachineView | undefined> {
  const id = machineId(plan);
  if (id === undefined) return undefined;
  try {
    return await (await work.azure()).instanceView(id);
  } catch {
    // Evidence only.
    return undefined;
  }
}
