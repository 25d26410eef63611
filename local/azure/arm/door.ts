import { z } from 'zod';
import type { Faults } from './engine/faults.ts';
import { policies, policySchema } from './engine/governance.ts';
import { type Json, object, strings } from './engine/json.ts';
import { checkPolicy } from './engine/policyCheck.ts';
import { denyAssignmentSchema, denyAssignments } from './engine/rbac.ts';
import type { World } from './engine/model.ts';
import { setRegistration } from './kinds/subscriptions.ts';

/**
 * What `POST /_simulator/faults` takes besides fault rules (see `engine/faults.ts`):
 *
 * | document | effect |
 * | --- | --- |
 * | `{ "quota": { "location", "family", "limit" } }` | limit of a core family, of all cores (`cores`) or of a network usage (`PublicIPAddresses`) |
 * | `{ "sku": { "name", "location", "zones" } }` | the size is not available there; without zones in the whole location |
 * | `{ "capacity": { "size", "location", "zones" } }` | machines of the size are accepted there and then fail with (Zonal)AllocationFailed |
 * | `{ "keys": { "account", "deny" } }` | listKeys of the account (default: all) is 403 |
 * | `{ "policy": { "name", "effect", "type", "scope", "location", "property", "equals", "set" } }` | a policy that denies or modifies (see `engine/governance.ts`); refused when it could not be evaluated |
 * | `{ "denyAssignment": { "name", "scope", "actions", "principals", "excludePrincipals" } }` | the actions are refused there, whatever roles the caller has |
 * | `{ "provider": { "namespace", "registered" } }` | registration of a resource provider |
 * | `{ "caller": { "address", "subnet" } }` | where the app's requests to storage come from: a public address, a subnet of a simulated network |
 */
const settingSchema = z.union([
  z.strictObject({
    quota: z.strictObject({ location: z.string(), family: z.string().default('cores'), limit: z.int().min(0) }),
  }),
  z.strictObject({
    sku: z.strictObject({ name: z.string(), location: z.string(), zones: z.array(z.string()).optional() }),
  }),
  z.strictObject({
    capacity: z.strictObject({ size: z.string(), location: z.string(), zones: z.array(z.string()).optional() }),
  }),
  z.strictObject({ keys: z.strictObject({ account: z.string().default('*'), deny: z.boolean() }) }),
  z.strictObject({ policy: policySchema }),
  z.strictObject({ denyAssignment: denyAssignmentSchema }),
  z.strictObject({ caller: z.strictObject({ address: z.ipv4().optional(), subnet: z.string().optional() }) }),
  z.strictObject({ provider: z.strictObject({ namespace: z.string(), registered: z.boolean() }) }),
]);

type Setting = z.infer<typeof settingSchema>;

/** The door through which tests make the simulated Azure misbehave. */
export interface ControlDoor {
  /** Adds a fault rule, or changes a quota, SKU, key access, policy or registration. Throws with an explanation on a bad document. */
  add(document: unknown): { readonly number: number } | { readonly set: string };
  /** Rules with how often they matched and applied, and the settings in force. */
  list(): unknown;
  /** Removes every rule and every setting made through the door. */
  clear(): void;
}

const SETTINGS = ['quota', 'sku', 'capacity', 'keys', 'policy', 'denyAssignment', 'provider', 'caller'];

export function createDoor(world: World, faults: Faults): ControlDoor {
  const { store } = world;
  return {
    add(document) {
      const kind = SETTINGS.find((name) => typeof document === 'object' && document !== null && name in document);
      if (kind === undefined) return { number: faults.add(document as Parameters<Faults['add']>[0]) };
      const setting = settingSchema.parse(document);
      store.transaction(() => apply(world, setting));
      return { set: kind };
    },
    list: () => ({
      rules: faults.list(),
      quotas: store.setting('quotas') ?? {},
      restrictions: store.setting('restrictions') ?? [],
      noCapacity: store.setting('noCapacity') ?? [],
      caller: store.setting('caller') ?? {},
      deniedKeys: store.setting('deniedKeys') ?? [],
      policies: policies(world),
      denyAssignments: denyAssignments(world),
      registrations: store.setting('registrations') ?? {},
    }),
    clear() {
      faults.clear();
      store.transaction(() => {
        store.putSetting('quotas', {});
        store.putSetting('restrictions', []);
        store.putSetting('noCapacity', []);
        store.putSetting('deniedKeys', []);
        store.putSetting('caller', {});
        store.putSetting('policies', []);
        store.putSetting('denyAssignments', []);
        store.putSetting('registrations', {});
      });
    },
  };
}

function apply(world: World, setting: Setting): void {
  const { store } = world;
  if ('quota' in setting) {
    const { location, family, limit } = setting.quota;
    const all = object(store.setting('quotas'));
    store.putSetting('quotas', { ...all, [location]: { ...object(all[location]), [family.toLowerCase()]: limit } });
  } else if ('sku' in setting) {
    const before = store.setting('restrictions');
    store.putSetting('restrictions', [...(Array.isArray(before) ? (before as readonly Json[]) : []), setting.sku]);
  } else if ('capacity' in setting) {
    const before = store.setting('noCapacity');
    store.putSetting('noCapacity', [...(Array.isArray(before) ? (before as readonly Json[]) : []), setting.capacity]);
  } else if ('keys' in setting) {
    const others = strings(store.setting('deniedKeys')).filter((name) => name !== setting.keys.account);
    store.putSetting('deniedKeys', setting.keys.deny ? [...others, setting.keys.account] : others);
  } else if ('caller' in setting) {
    const { address, subnet } = setting.caller;
    store.putSetting('caller', {
      ...(address === undefined ? {} : { address }),
      ...(subnet === undefined ? {} : { subnet }),
    });
  } else if ('policy' in setting) {
    checkPolicy(world, setting.policy);
    const others = policies(world).filter((policy) => policy.name !== setting.policy.name);
    store.putSetting('policies', [...others, setting.policy]);
  } else if ('denyAssignment' in setting) {
    const others = denyAssignments(world).filter((deny) => deny.name !== setting.denyAssignment.name);
    store.putSetting('denyAssignments', [...others, setting.denyAssignment]);
  } else {
    setRegistration(world, setting.provider.namespace, setting.provider.registered ? 'Registered' : 'NotRegistered');
  }
}
