import { describe, expect, it } from 'vitest';
import { callsOf, cellsOf, faults, ruleOf, sample, templateOf } from '../../full/azure/cells.ts';

describe('the cells', () => {
  const group = 'g';
  const id = (rest: string) => `/subscriptions/s/resourceGroups/${group}/providers/${rest}`;

  it('are the same for calls that differ in a name or in the number of a poll', () => {
    expect(templateOf(id('Microsoft.Network/virtualNetworks/a'), group)).toBe(
      '/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/{}',
    );
    expect(templateOf('/subscriptions/s/providers/Microsoft.Network/locations/westeurope/operations/123', group)).toBe(
      '/subscriptions/{}/providers/Microsoft.Network/locations/{}/operations/{}',
    );
    const entry = (path: string) => ({
      service: 'arm',
      method: 'GET',
      path,
      status: 200,
      caller: '44444444-4444-4444-8444-444444444444',
    });
    const calls = callsOf(
      [entry(id('A.B/c/1')), entry(id('A.B/c/2')), { ...entry(id('A.B/d/1')), caller: 'x' }],
      group,
    );
    expect(calls).toHaveLength(1);
    expect(cellsOf(calls).length).toBeGreaterThan(10);
    expect(cellsOf(calls).length).toBeLessThan(Object.keys(faults).length);
  });

  it('are aimed at one cluster, and chosen reproducibly', () => {
    const [cell] = cellsOf([{ method: 'PUT', template: templateOf(id('A.B/c/1'), group) }]);
    const { match } = ruleOf(cell!, 'other') as { match: { path: string } };
    expect(new RegExp(match.path, 'i').test(id('A.B/c/9').replace('/g/', '/other/'))).toBe(true);
    expect(new RegExp(match.path, 'i').test(id('A.B/c/9'))).toBe(false);
    const many = cellsOf([{ method: 'GET', template: '/a/{}' }]);
    expect(sample(many, 5, 3)).toEqual(sample(many, 5, 3));
    expect(sample(many, 5, 3)).not.toEqual(sample(many, 5, 4));
  });
});
