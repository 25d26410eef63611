import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack } from '../support/stack.ts';

const document = (vmSize: string) =>
  sampleDocument(
    {
      network: { api: { exposure: 'private' } },
      controlPlane: { replicas: 3, vmSize },
      workerPools: [{ name: 'general', replicas: 1, zones: ['1'] }],
    },
    'inside',
  );

/** An API server inside the virtual network only: everything goes through the relay that the first machine runs. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 60 });
});
afterAll(async () => {
  await stack.stop();
});

describe('a private cluster', () => {
  it('becomes Ready through the relay, hands over without an Azure write, and leaves nothing behind', async () => {
    await stack.post(document('Standard_D2s_v5'));
    const { status } = await stack.settled('inside', 280_000);
    expect([status.phase, status.error]).toEqual(['Ready', undefined]);
    expect(status.endpoints.api).toBe('https://apiserver.inside.capz.io:6443');
    expect(status.nodes.filter((node) => node.ready)).toHaveLength(4);
    expect(status.steps.find((step) => step.id === 'pivot')?.sentence).toContain('0 Azure writes');
    const names = (await stack.resources()).map(({ id }) => id.split('/').slice(-1)[0]);
    expect(names).toEqual(expect.arrayContaining(['inside-internal-lb', 'inside.capz.io', 'inside-vnet-link']));
    expect(names).not.toContain('pip-inside-apiserver');
    expect(await stack.unmodelled()).toEqual([]);
  });

  it('stays within reach when every control-plane machine is replaced, the first one too', async () => {
    const before = (await stack.settled('inside')).status.nodes.filter(({ role }) => role === 'control-plane');
    const change = await stack.request('PUT', '/api/clusters/inside', JSON.stringify(document('Standard_D4s_v5')));
    expect(change.status).toBe(202);
    const { status } = await stack.settled('inside', 280_000);
    expect([status.phase, status.error]).toEqual(['Ready', undefined]);
    const after = status.nodes.filter(({ role }) => role === 'control-plane');
    expect(after.filter(({ ready }) => ready)).toHaveLength(3);
    const old = new Set(before.map(({ name }) => name));
    expect(after.filter(({ name }) => old.has(name))).toEqual([]);
    expect(await stack.unmodelled()).toEqual([]);
  });

  it('cannot be reached from outside', async () => {
    const { port } = new URL(stack.gatewayUrl);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write('CONNECT apiserver.inside.capz.io:6443 HTTP/1.1\r\nhost: apiserver.inside.capz.io:6443\r\n\r\n'),
      );
      socket.once('data', (chunk) => {
        resolve(chunk.toString());
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 [45]\d\d /);
  });

  it('is deleted completely, zone and container included', async () => {
    await stack.request('DELETE', '/api/clusters/inside');
    const { status } = await stack.settled('inside', 200_000);
    expect([status.phase, status.error]).toEqual(['Deleted', undefined]);
    const left = (await stack.resources()).filter(({ id }) => /inside/.test(id));
    expect(left.map(({ id }) => id)).toEqual([]);
  });
});
