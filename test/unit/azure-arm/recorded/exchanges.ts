import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SEED } from '#local/azure/azure.ts';
import { addressOf, operationsAt, versionsOf } from '#local/azure/arm/engine/routes.ts';

/** Folder of the recorded exchanges; absent outside the place where they were collected. */
const folder = path.resolve(import.meta.dirname, '../../../../../shared/reference/azure-recordings');
export const isRecorded = existsSync(folder);

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: any;
}

export interface Exchange {
  /** `<file>/<number>` */
  readonly name: string;
  readonly file: string;
  readonly source: string;
  readonly recordedVersion: string;
  readonly method: string;
  /** Path and query, with the seeded subscription, and an api-version that the simulated Azure has. */
  readonly url: string;
  readonly path: string;
  readonly body: any;
  readonly response: Answer;
  readonly polls: readonly (Answer & { readonly via: string })[];
}

/** Cassettes of 2024 and later, whose headers are today's (azure-recordings/README.md, How to use as fixtures). */
export const hasTodaysHeaders = ({ source }: Exchange): boolean => ['st', 'os', 'tug', 'mv'].includes(source);

const nobody = /0{8}-0{4}-0{4}-0{4}-0{12}/gu;

/** What the collectors took out is put back, so that the documents are valid again. */
function restored(value: any, key = ''): any {
  if (Array.isArray(value))
    return value.filter((item) => !String(item).startsWith('<cut')).map((item) => restored(item));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name.replaceAll(nobody, SEED.subscriptionId), restored(item, name)]),
    );
  if (typeof value !== 'string') return value;
  // The catalogue of the simulated Azure has some twenty sizes; the recorded ones are others.
  if (key === 'vmSize') return 'Standard_D2s_v5';
  if (key === 'tenantId') return SEED.tenantId;
  if (!value.startsWith('<redacted')) return value.replaceAll(nobody, SEED.subscriptionId);
  if (key === 'keyData') return 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 recorded';
  return key.toLowerCase().includes('password') ? 'Not-a-real-1' : 'c2VjcmV0';
}

/** The recorded version where the simulated Azure has it, else the newest one it has. */
function versionFor(target: string, recorded: string): string {
  const address = addressOf(target);
  const operations = operationsAt(address);
  const known = versionsOf(address, operations);
  return known.includes(recorded) ? recorded : (known.at(-1) ?? recorded);
}

function exchangeOf(file: string, index: number, raw: any): Exchange {
  const url = String(raw.request.url).replaceAll(nobody, SEED.subscriptionId);
  const [address = '', search = ''] = url.replace('https://management.azure.com', '').split('?');
  const target = decodeURIComponent(address).replaceAll(/\/{2,}/gu, '/');
  const query = new URLSearchParams(search);
  query.set('api-version', versionFor(target, query.get('api-version') ?? ''));
  const answer = ({ status, headers, body }: any): Answer => ({ status, headers: headers ?? {}, body: restored(body) });
  return {
    name: `${file}/${index}`,
    file,
    source: raw.source,
    recordedVersion: raw.apiVersion,
    method: raw.request.method,
    url: `${target}?${query.toString()}`,
    path: target,
    body: restored(raw.request.body),
    response: answer(raw.response),
    polls: (raw.polls ?? []).map((poll: any) => ({ ...answer(poll), via: poll.via })),
  };
}

/** Every recorded exchange, file by file in recorded order. */
export function exchanges(): readonly Exchange[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => {
      const { exchanges: list } = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as { exchanges?: any[] };
      return (list ?? []).map((raw, index) => exchangeOf(name.slice(0, -5), index, raw));
    });
}
