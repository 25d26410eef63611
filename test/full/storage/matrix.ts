/**
 * What the copy of the base image must end in, for every kind of account and everything that can stand in its way. The
 * matrix test runs these cells; the table in docs/storage.md is made from the same data.
 */

export const ownerships = ['created', 'ownAccount', 'ownContainer'] as const;
export type Ownership = (typeof ownerships)[number];

export const sources = ['sas', 'entra', 'public'] as const;
export type Source = (typeof sources)[number];

/** A byte-equal copy with this credential (and why it is not SAS), or an error of this code. */
export type Expected =
  | { readonly credential: 'sas' | 'entra'; readonly reason?: string; readonly waits?: true }
  | { readonly error: string };

export interface Situation {
  readonly id: string;
  readonly title: string;
  readonly expected: Readonly<Record<Ownership, Expected>>;
}

function everywhere(expected: Expected): Situation['expected'] {
  return { created: expected, ownAccount: expected, ownContainer: expected };
}

const refusedByKey: Expected = { credential: 'entra', reason: 'KeyBasedAuthenticationNotPermitted' };

export const situations = [
  { id: 'keysAllowed', title: 'Keys allowed', expected: everywhere({ credential: 'sas' }) },
  {
    id: 'keysDenied',
    title: 'Keys denied (`allowSharedKeyAccess: false`; `sharedKeyAccess: denied` for a created account)',
    expected: { ...everywhere(refusedByKey), created: { credential: 'entra', reason: 'sharedKeyAccess' } },
  },
  {
    id: 'sasPolicy',
    title: 'SAS policy of 30 minutes that blocks longer ones',
    expected: everywhere({ credential: 'sas' }),
  },
  {
    id: 'readOnlyLock',
    title: 'Read-only lock on the account',
    expected: {
      ...everywhere({ credential: 'entra', reason: 'ScopeLocked' }),
      // The container is created through Resource Manager, which the lock forbids.
      ownAccount: { error: 'CAP-3004' },
    },
  },
  {
    id: 'noListKeys',
    title: 'No right to list keys',
    expected: everywhere({ credential: 'entra', reason: 'AuthorizationFailed' }),
  },
  {
    id: 'networkDenied',
    title: 'Network rules deny Capstan',
    expected: everywhere({ error: 'CAP-3303' }),
  },
  {
    id: 'roleMissing',
    title: 'Keys denied and no data role',
    expected: everywhere({ error: 'CAP-3302' }),
  },
  {
    id: 'roleLate',
    title: 'Keys denied and the data role arrives late',
    expected: {
      ...everywhere({ ...refusedByKey, waits: true }),
      created: { credential: 'entra', reason: 'sharedKeyAccess', waits: true },
    },
  },
] as const satisfies readonly Situation[];

export type SituationId = (typeof situations)[number]['id'];

export interface Cell {
  readonly ownership: Ownership;
  readonly situation: (typeof situations)[number];
  readonly source: Source;
}

export const cells: readonly Cell[] = ownerships.flatMap((ownership) =>
  situations.flatMap((situation) => sources.map((source) => ({ ownership, situation, source }))),
);

function cellText(expected: Expected): string {
  if ('error' in expected) return `\`${expected.error}\``;
  const how = expected.credential === 'sas' ? 'copied, SAS' : `copied, Entra ID (\`${expected.reason ?? ''}\`)`;
  return expected.waits === true ? `${how} after waiting` : how;
}

/** The table of the matrix in Markdown, its columns padded as the formatter of the repository wants them. */
export function matrixTable(): string {
  const head = ['Situation', 'Account created by Capstan', 'Own account', 'Own account and container'];
  const rows = situations.map(({ title, expected }) => [
    title,
    ...ownerships.map((ownership) => cellText(expected[ownership])),
  ]);
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  return [line(head), line(['', '', '', ''], '-'), ...rows.map((row) => line(row))].join('\n');
}
