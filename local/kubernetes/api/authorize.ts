import { notAuthorized } from './errors.ts';
import { asArray, asString, asStrings, at, isObject } from './json.ts';
import type { ObjectStore } from './store.ts';

/** Who makes a request. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
}

export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** What a request wants to do: on a resource, or on a path that is no resource. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Set for paths such as /version; the other fields are empty then. */
  readonly path: string | undefined;
}

const RBAC = 'rbac.authorization.k8s.io';

/** Whether RBAC allows it: some rule of a bound role does (Kubernetes documentation, "Using RBAC Authorization"). */
export function isAllowed(store: ObjectStore, user: UserInfo, wanted: Attributes): boolean {
  if (user.groups.includes('system:masters')) return true;
  const rules = [
    ...clusterRules(store, user),
    ...(wanted.namespace === '' ? [] : namespaceRules(store, user, wanted.namespace)),
  ];
  return rules.some((rule) => ruleAllows(rule, wanted));
}

/** Throws 403 with the message of the real server unless RBAC allows it. */
export function authorize(store: ObjectStore, user: UserInfo, wanted: Attributes): void {
  if (isAllowed(store, user, wanted)) return;
  if (wanted.path !== undefined)
    throw notAuthorized(`forbidden: User "${user.name}" cannot ${wanted.verb} path "${wanted.path}"`, {});
  const { verb, group, resource, subresource, namespace, name } = wanted;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const subject = `${group === '' ? resource : `${resource}.${group}`}${name === '' ? '' : ` "${name}"`}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message = `${subject} is forbidden: User "${user.name}" cannot ${verb} resource "${full}" in API group "${group}" ${where}`;
  throw notAuthorized(message, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}

function clusterRules(store: ObjectStore, user: UserInfo): unknown[] {
  return store
    .list(`${RBAC}/clusterrolebindings`)
    .filter((binding) => isBound(binding['subjects'], user, ''))
    .flatMap((binding) => rulesOf(store, binding['roleRef'], ''));
}

function namespaceRules(store: ObjectStore, user: UserInfo, namespace: string): unknown[] {
  return store
    .list(`${RBAC}/rolebindings`, namespace)
    .filter((binding) => isBound(binding['subjects'], user, namespace))
    .flatMap((binding) => rulesOf(store, binding['roleRef'], namespace));
}

function isBound(subjects: unknown, user: UserInfo, namespace: string): boolean {
  return asArray(subjects).some((subject) => {
    const name = asString(at(subject, 'name')) ?? '';
    switch (at(subject, 'kind')) {
      case 'User':
        return name === user.name;
      case 'Group':
        return user.groups.includes(name);
      case 'ServiceAccount':
        return user.name === `system:serviceaccount:${asString(at(subject, 'namespace')) ?? namespace}:${name}`;
      default:
        return false;
    }
  });
}

function rulesOf(store: ObjectStore, roleRef: unknown, namespace: string): readonly unknown[] {
  const name = asString(at(roleRef, 'name')) ?? '';
  const role =
    at(roleRef, 'kind') === 'Role'
      ? store.get(`${RBAC}/roles`, namespace, name)
      : store.get(`${RBAC}/clusterroles`, '', name);
  return asArray(role?.['rules']);
}

function ruleAllows(rule: unknown, wanted: Attributes): boolean {
  if (!isObject(rule)) return false;
  const includes = (list: unknown, value: string): boolean => {
    const values = asStrings(list);
    return values.includes('*') || values.includes(value);
  };
  if (!includes(rule['verbs'], wanted.verb)) return false;
  if (wanted.path !== undefined) {
    const { path } = wanted;
    return asStrings(rule['nonResourceURLs']).some(
      (url) => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
    );
  }
  const resource = wanted.subresource === '' ? wanted.resource : `${wanted.resource}/${wanted.subresource}`;
  const names = asStrings(rule['resourceNames']);
  return (
    includes(rule['apiGroups'], wanted.group) &&
    (includes(rule['resources'], resource) || asStrings(rule['resources']).includes(`*/${wanted.subresource}`)) &&
    (names.length === 0 || names.includes(wanted.name))
  );
}
