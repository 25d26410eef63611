import { isAllowed, type UserInfo } from './authorize.ts';
import type { Core } from './core.ts';
import { asObject, asString, asStrings, at } from './json.ts';

const REVIEWS: ReadonlySet<string> = new Set([
  'selfsubjectaccessreviews',
  'subjectaccessreviews',
  'selfsubjectreviews',
]);

/** Whether a URL names one of the review resources, which are answered and not stored. */
export function isSpecialResource(target: { readonly group: string; readonly plural: string }): boolean {
  return (
    (target.group === 'authorization.k8s.io' || target.group === 'authentication.k8s.io') && REVIEWS.has(target.plural)
  );
}

/** Answers a SelfSubjectAccessReview, SubjectAccessReview or SelfSubjectReview. */
export function reviewAccess(core: Core, target: { readonly plural: string }, user: UserInfo, body: unknown): unknown {
  if (target.plural === 'selfsubjectreviews') {
    return { ...asObject(body), status: { userInfo: { username: user.name, groups: user.groups } } };
  }
  const spec = at(body, 'spec');
  const subject =
    target.plural === 'subjectaccessreviews'
      ? { name: asString(at(spec, 'user')) ?? '', groups: asStrings(at(spec, 'groups')) }
      : user;
  const field = (name: string): string => asString(at(spec, 'resourceAttributes', name)) ?? '';
  const allowed = isAllowed(core.store, subject, {
    verb: asString(at(spec, 'nonResourceAttributes', 'verb')) ?? field('verb'),
    group: field('group'),
    resource: field('resource'),
    subresource: field('subresource'),
    namespace: field('namespace'),
    name: field('name'),
    path: asString(at(spec, 'nonResourceAttributes', 'path')),
  });
  return { ...asObject(body), status: { allowed } };
}
