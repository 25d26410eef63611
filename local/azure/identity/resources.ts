const known: readonly RegExp[] = [
  /^https:\/\/management\.azure\.com\/?$/,
  /^https:\/\/management\.core\.windows\.net\/?$/,
  /^https:\/\/storage\.azure\.com\/?$/,
  /^https:\/\/[a-z0-9]{3,24}\.blob\.core\.windows\.net\/?$/,
  /^https:\/\/vault\.azure\.net\/?$/,
  /^https:\/\/graph\.microsoft\.com\/?$/,
];

/** Whether tokens exist for a resource (audience): the tenant knows only the services that are simulated. */
export function isKnownResource(resource: string): boolean {
  return known.some((pattern) => pattern.test(resource));
}

/** Audience of a v2 scope such as `https://vault.azure.net/.default`, or undefined when it is not a `.default` scope. */
export function resourceOfScope(scope: string): string | undefined {
  const named = scope.split(' ').filter((part) => !['openid', 'profile', 'offline_access'].includes(part));
  const [only, more] = named;
  if (only === undefined || more !== undefined || !only.endsWith('/.default')) return undefined;
  return only.slice(0, -'/.default'.length);
}
