import type { DatabaseSync } from 'node:sqlite';
import type { AzureReply } from '../service.ts';
import { replaceBlob } from './blob-operations.ts';
import { addressOf, httpDate, type OperationContext, requireContainer } from './context.ts';
import { escapeXml, StorageError } from './errors.ts';
import type { BlobAddress, BlobRecord } from './records.ts';

interface BlockPart {
  readonly id: string;
  readonly data: Buffer;
}

const contentTags = ['content-type', 'content-encoding', 'content-language', 'content-md5', 'content-disposition'];

function blockId(context: OperationContext): string {
  const id = context.request.query.get('blockid') ?? '';
  if (id === '' || Buffer.from(id, 'base64').toString('base64') !== id || Buffer.from(id, 'base64').length > 64) {
    throw new StorageError('InvalidBlockId');
  }
  return id;
}

/** Put Block: keeps a part of a block blob until a block list commits it. */
export function putBlock(context: OperationContext): AzureReply {
  const { state, request } = context;
  requireContainer(context);
  const { account, container, name } = addressOf(context);
  const existing = state.blobs.find({ account, container, name });
  if (existing !== undefined && existing.type !== 'BlockBlob') throw new StorageError('InvalidBlobType');
  state.database
    .prepare('INSERT OR REPLACE INTO staged_blocks VALUES (?, ?, ?, ?, ?)')
    .run(account, container, name, blockId(context), request.body);
  return { status: 201, headers: { 'x-ms-request-server-encrypted': 'true' } };
}

function stagedBlock(
  database: DatabaseSync,
  { account, container, name }: BlobAddress,
  id: string,
): Buffer | undefined {
  const row = database
    .prepare('SELECT data FROM staged_blocks WHERE account = ? AND container = ? AND name = ? AND block = ?')
    .get(account, container, name, id) as { data: Uint8Array } | undefined;
  return row === undefined ? undefined : Buffer.from(row.data);
}

function committedBlock(context: OperationContext, blob: BlobRecord | undefined, id: string): Buffer | undefined {
  if (blob === undefined) return undefined;
  const row = context.state.database
    .prepare('SELECT start, size FROM committed_blocks WHERE blob = ? AND block = ? ORDER BY position LIMIT 1')
    .get(blob.id, id) as { start: number; size: number } | undefined;
  if (row === undefined) return undefined;
  const data = Buffer.alloc(row.size);
  context.state.files.read(blob.id, row.start, data);
  return data;
}

/** Put Block List: commits staged and earlier blocks, in order, as the blob's content. */
export function putBlockList(context: OperationContext): AzureReply {
  const { request, state } = context;
  requireContainer(context);
  const address = addressOf(context);
  const existing = state.blobs.find(address);
  if (existing !== undefined && existing.type !== 'BlockBlob') throw new StorageError('InvalidBlobType');
  const text = request.body.toString('utf8');
  const parts: BlockPart[] = [];
  for (const [, kind, id = ''] of text.matchAll(/<(Latest|Uncommitted|Committed)>\s*([^<\s]+)\s*<\/\1>/g)) {
    const staged = kind === 'Committed' ? undefined : stagedBlock(state.database, address, id);
    const data = staged ?? (kind === 'Uncommitted' ? undefined : committedBlock(context, existing, id));
    if (data === undefined) throw new StorageError('InvalidBlockList');
    parts.push({ id, data });
  }
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
  for (const tag of contentTags) {
    const value = request.headers[`x-ms-blob-${tag}`];
    if (value !== undefined) headers[tag] = value;
  }
  const size = parts.reduce((sum, part) => sum + part.data.length, 0);
  const record = replaceBlob(context, { type: 'BlockBlob', size, sequence: 0, headers }, (made) => {
    const insert = state.database.prepare('INSERT INTO committed_blocks VALUES (?, ?, ?, ?, ?)');
    let start = 0;
    for (const [position, { id, data }] of parts.entries()) {
      state.files.write(made.id, start, data);
      insert.run(made.id, position, id, start, data.length);
      start += data.length;
    }
    state.database
      .prepare('DELETE FROM staged_blocks WHERE account = ? AND container = ? AND name = ?')
      .run(address.account, address.container, address.name);
  });
  return {
    status: 201,
    headers: { etag: record.etag, 'last-modified': httpDate(record.modified), 'x-ms-request-server-encrypted': 'true' },
  };
}

function listXml(tag: string, rows: readonly { readonly block: string; readonly size: number }[]): string {
  const blocks = rows.map(({ block, size }) => `<Block><Name>${escapeXml(block)}</Name><Size>${size}</Size></Block>`);
  return `<${tag}>${blocks.join('')}</${tag}>`;
}

/** Get Block List. */
export function getBlockList(context: OperationContext): AzureReply {
  const { state, request } = context;
  requireContainer(context);
  const { account, container, name } = addressOf(context);
  const blob = state.blobs.find({ account, container, name });
  const wanted = request.query.get('blocklisttype') ?? 'committed';
  const staged = state.database
    .prepare('SELECT block, length(data) AS size FROM staged_blocks WHERE account = ? AND container = ? AND name = ?')
    .all(account, container, name) as { block: string; size: number }[];
  if (blob === undefined && staged.length === 0) throw new StorageError('BlobNotFound');
  const committed = state.database
    .prepare('SELECT block, size FROM committed_blocks WHERE blob = ? ORDER BY position')
    .all(blob?.id ?? 0) as { block: string; size: number }[];
  const body = `${wanted === 'uncommitted' ? '' : listXml('CommittedBlocks', committed)}${wanted === 'committed' ? '' : listXml('UncommittedBlocks', staged)}`;
  const known = blob === undefined ? {} : { etag: blob.etag, 'last-modified': httpDate(blob.modified) };
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', 'x-ms-blob-content-length': String(blob?.size ?? 0), ...known },
    body: `\uFEFF<?xml version="1.0" encoding="utf-8"?><BlockList>${body}</BlockList>`,
  };
}
