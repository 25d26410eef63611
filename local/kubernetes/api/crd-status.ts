import type { KubeObject } from '../contract.ts';
import { asArray, asObject, asString, asStrings, at, isObject, type JsonObject } from './json.ts';

/**
 * Status of a CustomResourceDefinition as the API server's own controllers write it: names accepted, established at
 * once, and every version that was ever the storage version.
 */
export function crdStatus(crd: KubeObject, live: KubeObject | undefined, time: string): JsonObject {
  const storage = asArray(at(crd, 'spec', 'versions')).find(
    (version) => isObject(version) && version['storage'] === true,
  );
  const stored = new Set([...asStrings(at(live, 'status', 'storedVersions')), asString(at(storage, 'name')) ?? '']);
  const before = asArray(at(live, 'status', 'conditions')).filter(isObject);
  const condition = (type: string, reason: string, message: string): JsonObject =>
    before.find((candidate) => candidate['type'] === type) ?? {
      type,
      status: 'True',
      lastTransitionTime: time,
      reason,
      message,
    };
  const others = before.filter(
    (candidate) => candidate['type'] !== 'NamesAccepted' && candidate['type'] !== 'Established',
  );
  return {
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ...others,
    ],
    acceptedNames: asObject(at(crd, 'spec', 'names')),
    storedVersions: [...stored],
  };
}
