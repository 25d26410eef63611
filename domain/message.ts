import { z } from 'zod';
import type { CapstanError } from './errors/error.ts';
import { pathText } from './spec/parse.ts';
import { clusterName } from './spec/schema.ts';
import { unsafeKey } from './spec/text.ts';

const requestId = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks');

const onConflict = z
  .enum(['queue', 'refuse'])
  .optional()
  .describe('While another operation runs on the cluster: wait for it, or be refused (the default).');

const common = {
  schemaVersion: z.literal('1'),
  requestId,
};

/** A request on the queue `cluster-requests` (architecture.md §4). */
export const queueMessage = z.union([
  z.strictObject({ ...common, operation: z.literal('apply'), onConflict, cluster: z.record(z.string(), z.unknown()) }),
  z.strictObject({
    ...common,
    operation: z.literal('apply'),
    onConflict,
    clusterBlob: z.strictObject({
      name: z.string().min(1).max(1024),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hexadecimal'),
    }),
  }),
  z.strictObject({
    ...common,
    operation: z.literal('delete'),
    cluster: z.looseObject({ metadata: z.looseObject({ name: clusterName }) }),
  }),
]);

export type QueueMessage = z.output<typeof queueMessage>;

/** Largest message that is read, in characters; Azure's own limit is 64 KiB. */
const maxMessageCharacters = 65_536;

/**
 * Reads what the queue trigger delivers: an object (the host parsed the JSON already) or text, plain or base64.
 *
 * @returns the message, or why it is none; `requestId` as far as it can be told
 */
export function readQueueMessage(
  delivered: unknown,
): { readonly message: QueueMessage } | { readonly error: CapstanError; readonly requestId: string | undefined } {
  const value = typeof delivered === 'string' ? decodeText(delivered) : delivered;
  const refuse = (cause: string, where?: string) => ({
    error: {
      code: 'CAP-1014' as const,
      message: 'The message on cluster-requests cannot be understood',
      cause,
      ...(where === undefined ? {} : { where }),
      remedy: 'Send { "schemaVersion": "1", "operation": "apply", "requestId": "…", "cluster": { … } } as JSON.',
    },
    requestId: idOf(value),
  });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('it is not a JSON object');
  const unsafe = unsafeKey(value);
  if (unsafe !== undefined) return refuse(unsafe);
  if (JSON.stringify(value).length > maxMessageCharacters) return refuse('it is larger than 64 KiB: use clusterBlob');
  if ('schemaVersion' in value && value.schemaVersion !== '1')
    return refuse('schemaVersion must be "1"', 'schemaVersion');
  const parsed = queueMessage.safeParse(value);
  if (parsed.success) return { message: parsed.data };
  const [issue] = parsed.error.issues;
  const detail = issue?.code === 'invalid_union' ? (issue.errors.flat().at(0) ?? issue) : issue;
  return refuse(detail?.message ?? 'it does not follow the schema', pathText(detail?.path ?? []));
}

function decodeText(text: string): unknown {
  for (const candidate of [text, fromBase64(text)]) {
    if (candidate === undefined) continue;
    try {
      return JSON.parse(candidate) as unknown;
    } catch {
      // The next form is tried; when none fits the caller reports it.
    }
  }
  return undefined;
}

function fromBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(atob(text.trim()), (character) => character.codePointAt(0) ?? 0),
    );
  } catch {
    return undefined;
  }
}

function idOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('requestId' in value)) return undefined;
  const parsed = requestId.safeParse(value.requestId);
  return parsed.success ? parsed.data : undefined;
}
