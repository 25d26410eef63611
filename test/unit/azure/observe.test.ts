import { describe, expect, it } from 'vitest';
import { observeKind } from '../../../azure/observe/observe.ts';
import { virtualNetwork } from '../../../azure/virtualNetwork/client.ts';
import { samplePlan } from '../../support/sample-plan.ts';

const plan = samplePlan();
const network = plan.resources.find(({ kind }) => kind === 'virtualNetwork')!;

async function fingerprint(owned: boolean, etag: string, prefix: string, ...machines: string[]): Promise<string> {
  const ipConfigurations = machines.map((id) => ({ id }));
  const body = { etag, subnets: [{ name: 'workers', etag, addressPrefix: prefix, ipConfigurations }] };
  const definition = { ...virtualNetwork, read: () => Promise.resolve(body as never) };
  const connection = { clients: () => undefined } as never;
  return (await observeKind(connection, definition, plan, { ...network, owned })).fingerprint;
}

describe('the fingerprint of a network of the user', () => {
  it('stays when the machine of another cluster joins, and changes when somebody writes to it', async () => {
    const before = await fingerprint(false, '1', '10.0.0.0/24', 'a');
    expect(await fingerprint(false, '2', '10.0.0.0/24', 'a', 'b')).toBe(before);
    expect(await fingerprint(false, '3', '10.0.0.0/25', 'a')).not.toBe(before);
  });

  it('changes with every ETag where the network is the cluster’s own', async () => {
    expect(await fingerprint(true, '2', '10.0.0.0/24')).not.toBe(await fingerprint(true, '1', '10.0.0.0/24'));
  });
});
