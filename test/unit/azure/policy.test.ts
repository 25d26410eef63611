import { describe, expect, it } from 'vitest';
import { evaluatePolicy } from '../../../azure/preflight/policy-rule.ts';

const account = {
  type: 'Microsoft.Storage/storageAccounts',
  name: 'st1',
  id: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/st1',
  location: 'westeurope',
  tags: { department: 'finance' },
  body: { allowSharedKeyAccess: true, sku: { name: 'Standard_LRS' } },
};

/** From JSON, as rules come: no object of ours has a `then`. */
const ruleWith = (condition: unknown, effect: string): unknown =>
  JSON.parse(`{"if":${JSON.stringify(condition)},"then":{"effect":${JSON.stringify(effect)}}}`);

const applies = (condition: unknown, parameters: Record<string, unknown> = {}, effect = 'deny') =>
  evaluatePolicy(ruleWith(condition, effect), new Map(Object.entries(parameters)), account)?.applies;

describe('the rule of a policy', () => {
  it.each([
    [{ field: 'type', equals: 'microsoft.storage/STORAGEACCOUNTS' }, true],
    [{ field: 'location', notIn: ['westeurope', 'northeurope'] }, false],
    [{ field: 'location', notIn: ['northeurope'] }, true],
    [{ field: 'name', like: 'st*' }, true],
    [{ field: 'name', notLike: 'st*' }, false],
    [{ field: 'tags.owner', exists: 'false' }, true],
    [{ field: "tags['department']", equals: 'finance' }, true],
    [{ field: 'tags', containsKey: 'Department' }, true],
    [{ field: 'Microsoft.Storage/storageAccounts/allowSharedKeyAccess', equals: 'true' }, true],
    [{ field: 'Microsoft.Storage/storageAccounts/sku.name', in: ['Premium_LRS'] }, false],
    [{ not: { field: 'type', equals: 'Microsoft.Storage/storageAccounts' } }, false],
    [
      {
        anyOf: [
          { field: 'name', equals: 'x' },
          { field: 'name', contains: 'T1' },
        ],
      },
      true,
    ],
  ])('%j applies: %s', (condition, expected) => {
    expect(applies(condition)).toBe(expected);
  });

  it('is left open where only Azure can tell, unless the rest decides', () => {
    const open = { field: 'Microsoft.Storage/storageAccounts/networkAcls.defaultAction', equals: 'Allow' };
    expect(applies(open)).toBeUndefined();
    expect(applies({ value: '[utcNow()]', equals: 'x' })).toBeUndefined();
    expect(applies({ count: {}, greater: 1 })).toBeUndefined();
    expect(applies({ field: 'name', greater: 1 })).toBeUndefined();
    expect(applies({ allOf: [open, { field: 'name', equals: 'other' }] })).toBe(false);
    expect(applies({ allOf: [open, { field: 'name', equals: 'st1' }] })).toBeUndefined();
    expect(applies({ anyOf: [open, { field: 'name', equals: 'st1' }] })).toBe(true);
  });

  it('takes values, names of tags and the effect from its parameters', () => {
    const require = { field: "[concat('tags[', parameters('tagName'), ']')]", exists: 'false' };
    expect(applies(require, { tagname: 'costCenter' })).toBe(true);
    expect(applies(require, { tagname: 'department' })).toBe(false);
    expect(applies({ field: 'location', notIn: "[parameters('allowed')]" }, { allowed: ['uksouth'] })).toBe(true);
    expect(applies({ field: 'location', notIn: "[parameters('allowed')]" })).toBeUndefined();
    const rule = ruleWith({ field: 'type', exists: true }, "[parameters('effect')]");
    expect(evaluatePolicy(rule, new Map([['effect', 'Audit']]), account)).toEqual({ effect: 'audit', applies: true });
    expect(evaluatePolicy(rule, new Map(), account)).toBeUndefined();
    expect(evaluatePolicy('nonsense', new Map(), account)).toBeUndefined();
  });
});
