/** Queue messages between the wire and the library (host-recordings/README.md, Queue). */
import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { TypedData } from '../core/protocol.ts';

/** Text of a message; a base64 message that is not base64 stays as it is. */
export function decodeMessage(text: string, encoding: 'none' | 'base64'): string {
  if (encoding === 'none') return text;
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return isBase64 ? Buffer.from(text, 'base64').toString('utf8') : text;
}

/** Text of a message as it is stored in the queue. */
export function encodeMessage(body: string | Buffer, encoding: 'none' | 'base64'): string {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  return encoding === 'base64' ? bytes.toString('base64') : bytes.toString('utf8');
}

function timeData(time: Date | undefined): TypedData {
  return { json: JSON.stringify(`${(time ?? new Date(0)).toISOString().slice(0, 19)}+00:00`) };
}

function scalarText(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}

/** Trigger metadata of a message: the built-in values, then the scalars and objects of a JSON body, which hide built-in ones. */
export function queueMetadata(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {
    QueueTrigger: { string: text },
    DequeueCount: { json: String(message.dequeueCount) },
    ExpirationTime: timeData(message.expiresOn),
    Id: { string: message.messageId },
    InsertionTime: timeData(message.insertedOn),
    NextVisibleTime: timeData(message.nextVisibleOn),
    PopReceipt: { string: message.popReceipt },
  };
  for (const [name, value] of Object.entries(jsonObject(text))) {
    if (value === null || Array.isArray(value)) continue;
    const hidden = Object.keys(metadata).find((known) => known.toLowerCase() === name.toLowerCase());
    if (hidden !== undefined) delete metadata[hidden];
    metadata[name] = typeof value === 'object' ? { json: JSON.stringify(value) } : { string: scalarText(value) };
  }
  return metadata;
}

function jsonObject(text: string): object {
  if (!text.trimStart().startsWith('{')) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function messageText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return JSON.stringify(value, undefined, 2);
  return scalarText(value);
}

/**
 * Messages for a value that goes to a queue output: an array gives one message per element, a JSON text is parsed and
 * indented, null and undefined give none.
 */
export function outputMessages(data: TypedData | null | undefined): (string | Buffer)[] {
  if (data === null || data === undefined) return [];
  if (data.bytes) return [Buffer.from(data.bytes)];
  const number = data.int ?? data.double;
  if (typeof number === 'number') return [String(number)];
  const text = data.json ?? data.string ?? '';
  let value: unknown = text;
  if (data.json !== undefined || /^\s*[[{]/.test(text)) {
    try {
      value = JSON.parse(text);
    } catch {
      value = text;
    }
  }
  if (value === null) return [];
  return Array.isArray(value) ? value.map(messageText) : [messageText(value)];
}
