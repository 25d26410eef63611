/** Queue messages between the wire and the library (host-recordings/README.md, Queue). */
import type { DequeuedMessageItem } from '@azure/storage-queue';
import { doubleText } from '../core/dotnet.ts';
import { parseJson, type JsonNode } from '../core/json-reader.ts';
import { bindingData, looksLikeJson, nodeText } from '../core/json-text.ts';
import type { TypedData } from '../core/protocol.ts';

/** Bytes of a message; undefined when it is not in the encoding of host.json. */
export function decodeMessage(text: string, encoding: 'none' | 'base64'): Buffer | undefined {
  if (encoding === 'none') return Buffer.from(text, 'utf8');
  const packed = text.replace(/[ \t\r\n]/g, '');
  const isBase64 = packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed);
  return isBase64 ? Buffer.from(packed, 'base64') : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of a message; undefined when its bytes are no UTF-8. */
export function messageText(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Text of a message as it is stored in the queue. */
export function encodeMessage(body: string | Buffer, encoding: 'none' | 'base64'): string {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  return encoding === 'base64' ? bytes.toString('base64') : bytes.toString('utf8');
}

function timeData(time: Date | undefined): TypedData {
  return { json: JSON.stringify(`${(time ?? new Date(0)).toISOString().slice(0, 19)}+00:00`) };
}

/** What trigger metadata tells of a message besides its text. */
export type MessageFacts = Pick<
  DequeuedMessageItem,
  'dequeueCount' | 'expiresOn' | 'messageId' | 'insertedOn' | 'nextVisibleOn' | 'popReceipt'
>;

/** Trigger metadata of a message: the built-in values, then the scalars and objects of a JSON body, which hide built-in ones. */
export function queueMetadata(message: MessageFacts, text: string): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {
    QueueTrigger: { string: text },
    DequeueCount: { json: String(message.dequeueCount) },
    ExpirationTime: timeData(message.expiresOn),
    Id: { string: message.messageId },
    InsertionTime: timeData(message.insertedOn),
    NextVisibleTime: timeData(message.nextVisibleOn),
    PopReceipt: { string: message.popReceipt },
  };
  for (const [name, value] of bindingData(text)) {
    // A value that was there already keeps its name.
    const known = Object.keys(metadata).find((key) => key.toLowerCase() === name.toLowerCase());
    metadata[known ?? name] = value;
  }
  return metadata;
}

/**
 * Messages for a value that goes to a queue output: an array gives one message per element, a JSON text is parsed and
 * indented, null and undefined give none. Throws an Error for a text that looks like JSON and is none.
 */
export function outputMessages(data: TypedData | null | undefined): (string | Buffer)[] {
  if (data === null || data === undefined) return [];
  if (data.bytes) return [Buffer.from(data.bytes)];
  // A whole number crosses the wire with 64 bits.
  if (typeof data.int === 'number') return [String(BigInt.asIntN(64, BigInt(data.int)))];
  if (typeof data.double === 'number') return [doubleText(data.double)];
  // The library's own JSON is read without dates; a text of the app with them.
  const dates = data.json === undefined;
  const text = data.json ?? data.string ?? '';
  if (dates && !looksLikeJson(text)) return [text];
  const value = parseJson(text);
  if (value === null) return [];
  return Array.isArray(value) ? value.map((item: JsonNode) => nodeText(item, dates)) : [nodeText(value, dates)];
}
