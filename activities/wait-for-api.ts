import { failed, wait } from '#domain/outcome.ts';
import { done } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { defineActivity } from './define.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';
import type { Work } from './runtime.ts';

/** Waits for `/readyz` of the first control-plane machine, and says how the boot went when it does not come up. */
defineActivity('waitForApi', async (work, input) => {
  const plan = await planAsBuilt(work);
  const { checkReady } = await import('#kubernetes/client/connect.ts');
  const outcome = await withCluster(work, async ({ client }) => {
    const ready = await checkReady(client, plan.network.api.host);
    if (ready.status === 'done') await observeNodes(work, client, false);
    return ready;
  });
  if (outcome.status === 'done') {
    const zone = plan.controlPlane.zone === undefined ? '' : ` in zone ${plan.controlPlane.zone}`;
    return done({}, `${plan.controlPlane.machineName}${zone} · https://${plan.network.api.host}:6443 answers`);
  }
  if (outcome.status !== 'wait') return outcome;
  const looks = Number(input.state?.['looks'] ?? 0) + 1;
  const { bootProgress } = await import('#kubernetes/boot/progress.ts');
  const console = await serialConsole(work, plan);
  const boot = bootProgress(console);
  if (boot.state === 'failed') {
    return failed({
      code: 'CAP-4203',
      message: `${plan.controlPlane.machineName} did not become ready`,
      where: `${plan.controlPlane.machineName} · ${plan.controlPlane.vmSize}${plan.controlPlane.zone === undefined ? '' : ` · zone ${plan.controlPlane.zone}`}`,
      cause: `${boot.phase}: ${boot.reason} (serial console, line ${boot.line})`,
      remedy:
        'Correct what the serial console names (usually spec.image) and apply again: the run continues from here.',
    });
  }
  return wait(outcome.retryAfter, {
    state: { looks },
    sentence: `${plan.controlPlane.machineName} is booting: ${boot.phase}`,
  });
});

async function serialConsole(work: Work, plan: ClusterPlan): Promise<string> {
  const machine = plan.resources.find((resource) => resource.key === 'virtualMachine');
  if (machine === undefined) return '';
  try {
    return await (await work.azure()).serialConsole(machine.id);
  } catch {
    // Boot diagnostics are a help, not a condition: the next look asks again.
    return '';
  }
}
