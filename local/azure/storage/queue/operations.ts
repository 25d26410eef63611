import type { Clock } from '../../clock.ts';
import type { AzureReply, AzureRequest } from '../../service.ts';
import type { AccessNeeds } from '../account-access.ts';
import { operationsUnder } from '../account-access.ts';
import { metadataHeaders, metadataOf } from '../context.ts';
import { escapeXml, StorageError } from '../errors.ts';
import type { Message, QueueStore } from './store.ts';

/** One authorised request. */
export interface QueueCall {
  readonly store: QueueStore;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly request: AzureRequest;
  readonly account: string;
  readonly queue: string;
  readonly message: string;
}

interface QueueOperation extends AccessNeeds {
  readonly run: (call: QueueCall) => AzureReply;
}

const actions = 'Microsoft.Storage/storageAccounts/queueServices/queues';
const day = 86_400;

function xml(status: number, body: string): AzureReply {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `\uFEFF<?xml version="1.0" encoding="utf-8"?>${body}`,
  };
}

/** A whole number in the query. */
function numberIn({ request }: QueueCall, name: string, otherwise: number, least: number, most: number): number {
  const text = request.query.get(name);
  if (text === null || text === '') return otherwise;
  const value = Number(text);
  if (!/^-?\d{1,15}$/u.test(text))
    throw new StorageError('InvalidQueryParameterValue', { message: `${name} is not a number.` });
  if (value >= least && value <= most) return value;
  throw new StorageError('OutOfRangeQueryParameterValue', { message: `${name} is a number from ${least} to ${most}.` });
}

function requireQueue(call: QueueCall) {
  const found = call.store.queue(call.account, call.queue);
  if (found === undefined) throw new StorageError('QueueNotFound');
  return found;
}

function listQueues(call: QueueCall): AzureReply {
  const { store, account, request } = call;
  const limit = numberIn(call, 'maxresults', 5000, 1, 5000);
  const q = (name: string): string => request.query.get(name) ?? '';
  const found = store.list(account, q('prefix'), q('marker'), limit + 1);
  const shown = found.slice(0, limit);
  const withMetadata = q('include').includes('metadata');
  const items = shown.map(({ name, metadata }) => {
    const pairs = Object.entries(metadata).map(([key, value]) => `<${key}>${escapeXml(value)}</${key}>`);
    return `<Queue><Name>${name}</Name>${withMetadata ? `<Metadata>${pairs.join('')}</Metadata>` : ''}</Queue>`;
  });
  const next = found.length > limit ? (shown.at(-1)?.name ?? '') : '';
  return xml(
    200,
    `<EnumerationResults ServiceEndpoint="https://${account}.queue.core.windows.net/"><Prefix>${escapeXml(q('prefix'))}</Prefix><MaxResults>${limit}</MaxResults><Queues>${items.join('')}</Queues><NextMarker>${next}</NextMarker></EnumerationResults>`,
  );
}

function createQueue(call: QueueCall): AzureReply {
  const { store, account, queue, request } = call;
  if (!/^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/u.test(queue)) throw new StorageError('InvalidResourceName');
  const metadata = metadataOf(request);
  const existing = store.queue(account, queue);
  if (existing === undefined) store.put(account, { name: queue, metadata });
  else if (JSON.stringify(existing.metadata) !== JSON.stringify(metadata)) throw new StorageError('QueueAlreadyExists');
  return { status: existing === undefined ? 201 : 204, headers: {} };
}

function deleteQueue(call: QueueCall): AzureReply {
  requireQueue(call);
  call.store.remove(call.account, call.queue);
  return { status: 204, headers: {} };
}

function readMetadata(call: QueueCall): AzureReply {
  const { metadata } = requireQueue(call);
  const count = call.store.count(call.account, call.queue, call.clock.now());
  return { status: 200, headers: { ...metadataHeaders(metadata), 'x-ms-approximate-messages-count': String(count) } };
}

function writeMetadata(call: QueueCall): AzureReply {
  requireQueue(call);
  call.store.put(call.account, { name: call.queue, metadata: metadataOf(call.request) });
  return { status: 204, headers: {} };
}

const date = (at: number): string => new Date(at).toUTCString();
const after = ({ clock }: QueueCall, seconds: number): number => clock.now() + (seconds * 1000) / clock.timeScale;

/** Fields of a message; a peek shows neither receipt nor the time of its return. */
function messageXml(message: Message, show: 'put' | 'get' | 'peek'): string {
  const { id, inserted, expires, receipt, visible, dequeued, text } = message;
  return [
    `<QueueMessage><MessageId>${id}</MessageId><InsertionTime>${date(inserted)}</InsertionTime><ExpirationTime>${date(expires)}</ExpirationTime>`,
    show === 'peek' ? '' : `<PopReceipt>${receipt}</PopReceipt><TimeNextVisible>${date(visible)}</TimeNextVisible>`,
    show === 'put' ? '' : `<DequeueCount>${dequeued}</DequeueCount><MessageText>${escapeXml(text)}</MessageText>`,
    '</QueueMessage>',
  ].join('');
}

const listed = (messages: readonly Message[], show: 'put' | 'get' | 'peek'): string =>
  `<QueueMessagesList>${messages.map((message) => messageXml(message, show)).join('')}</QueueMessagesList>`;

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** Text of the message in a request body. */
function textIn({ request }: QueueCall): string {
  const found = /<MessageText\s*(?:\/>|>([\s\S]*?)<\/MessageText>)/u.exec(request.body.toString('utf8'));
  if (found === null) throw new StorageError('InvalidXmlDocument');
  const text = (found[1] ?? '').replaceAll(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/giu,
    (whole: string, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      if (Number.isNaN(code)) return entities[name ?? ''] ?? whole;
      return code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
    },
  );
  if (Buffer.byteLength(text) > 64 * 1024) throw new StorageError('RequestBodyTooLarge');
  return text;
}

const receiptOf = (call: QueueCall): string => Buffer.from(call.newId()).toString('base64url');

function putMessage(call: QueueCall): AzureReply {
  const { store, account, queue, clock } = call;
  requireQueue(call);
  const ttl = numberIn(call, 'messagettl', 7 * day, -1, Number.MAX_SAFE_INTEGER);
  const hidden = numberIn(call, 'visibilitytimeout', 0, 0, 7 * day);
  const message: Message = {
    id: call.newId(),
    text: textIn(call),
    inserted: clock.now(),
    expires: ttl === -1 ? Date.parse('9999-12-31T23:59:59Z') : after(call, ttl),
    visible: after(call, hidden),
    receipt: receiptOf(call),
    dequeued: 0,
  };
  store.add(account, queue, message);
  return xml(201, listed([message], 'put'));
}

function getMessages(call: QueueCall): AzureReply {
  const { store, account, queue, clock, request } = call;
  requireQueue(call);
  const count = numberIn(call, 'numofmessages', 1, 1, 32);
  const found = store.messages(account, queue, clock.now(), count);
  if (request.query.get('peekonly') === 'true') return xml(200, listed(found, 'peek'));
  const hidden = numberIn(call, 'visibilitytimeout', 30, 1, 7 * day);
  const taken = found.map((message) => ({
    ...message,
    visible: after(call, hidden),
    receipt: receiptOf(call),
    dequeued: message.dequeued + 1,
  }));
  for (const message of taken) store.update(message);
  return xml(200, listed(taken, 'get'));
}

/** The message that the address and the receipt name. */
function held(call: QueueCall): Message {
  requireQueue(call);
  const found = call.store.message(call.account, call.queue, call.message, call.clock.now());
  if (found === undefined) throw new StorageError('MessageNotFound');
  if (call.request.query.get('popreceipt') !== found.receipt) throw new StorageError('PopReceiptMismatch');
  return found;
}

function deleteMessage(call: QueueCall): AzureReply {
  call.store.drop(held(call).id);
  return { status: 204, headers: {} };
}

function updateMessage(call: QueueCall): AzureReply {
  const before = held(call);
  const visible = after(call, numberIn(call, 'visibilitytimeout', 0, 0, 7 * day));
  const text = call.request.body.length === 0 ? before.text : textIn(call);
  const next = { ...before, text, visible, receipt: receiptOf(call) };
  call.store.update(next);
  return { status: 204, headers: { 'x-ms-popreceipt': next.receipt, 'x-ms-time-next-visible': date(visible) } };
}

function clearMessages(call: QueueCall): AzureReply {
  requireQueue(call);
  call.store.empty(call.account, call.queue);
  return { status: 204, headers: {} };
}

const on = operationsUnder(actions);

/** Operations by method, place and `comp` (REST reference, "Queue service REST API"). */
export const queueOperations: Readonly<Record<string, QueueOperation>> = {
  'GET service list': on('s', 'l', 'read', listQueues),
  'PUT queue ': on('c', 'cw', 'write', createQueue),
  'DELETE queue ': on('c', 'd', 'delete', deleteQueue),
  'GET queue metadata': on('c', 'r', 'read', readMetadata),
  'HEAD queue metadata': on('c', 'r', 'read', readMetadata),
  'PUT queue metadata': on('c', 'w', 'write', writeMetadata),
  'POST messages ': on('o', 'a', 'messages/write', putMessage),
  'GET messages ': on('o', 'rp', 'messages/read', getMessages),
  'DELETE messages ': on('o', 'd', 'messages/delete', clearMessages),
  'PUT message ': on('o', 'u', 'messages/write', updateMessage),
  'DELETE message ': on('o', 'p', 'messages/delete', deleteMessage),
};
