import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepId } from '#domain/steps.ts';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack, story } from '../support/stack.ts';

/** Killing the host with SIGKILL in the middle of a step and starting it again finishes the provision, once. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 150 });
});
afterAll(async () => {
  await stack.stop();
});

describe('kill -9 of the host', () => {
  it.each<StepId>(['network', 'controlPlane', 'pivot', 'workerPools'])(
    'in the middle of the step %s: the provision finishes',
    async (step) => {
      const name = `kill-${step.toLowerCase()}`;
      await stack.post(
        sampleDocument({ controlPlane: { replicas: 3 }, workerPools: [{ name: 'general', replicas: 3 }] }, name),
        name,
      );
      await stack.until(name, (seen) =>
        seen.status.steps.some((entry) => entry.id === step && entry.state !== 'pending'),
      );
      await stack.killHost();
      await stack.startHost();
      const seen = await stack.settled(name);
      expect(seen.status.phase, story(seen)).toBe('Ready');
      expect(seen.status.nodes.filter((node) => node.ready)).toHaveLength(6);
      const machines = (await stack.resources()).filter(
        (resource) => /virtualMachines$/i.test(resource.type) && resource.id.includes(`/${name}-`),
      );
      expect(machines, 'no machine was made twice').toHaveLength(6);
      const first = machines.filter((machine) => /control-plane/.test(machine.id));
      expect(first).toHaveLength(3);
    },
  );
});
