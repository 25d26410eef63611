import type { PageBlobClient } from '@azure/storage-blob';
import type { CallResult } from '../clients/capture.ts';
import { type ByteRange, mergeRanges } from './ranges.ts';

/** One Get Page Ranges over a whole fragmented blob may time out (azure-behaviour.md §2, Limits): ask in windows. */
const windowBytes = 8 * 1024 ** 3;

/**
 * Page ranges that hold data, merged. Uses listPageRanges: getPageRanges of the SDK counts one byte short
 * (azure-behaviour.md, Traps).
 *
 * @param size end of the part that is listed
 * @param run wraps each request
 * @param from begin of the part that is listed
 */
export async function listRanges(
  client: PageBlobClient,
  size: number,
  run: (request: () => Promise<readonly ByteRange[]>) => Promise<CallResult<readonly ByteRange[]>>,
  from = 0,
): Promise<CallResult<readonly ByteRange[]>> {
  const all: ByteRange[] = [];
  for (let offset = from; offset < size; offset += windowBytes) {
    const end = Math.min(size, offset + windowBytes);
    const listed = await run(() => listWindow(client, offset, end));
    if (!listed.ok) return listed;
    all.push(...listed.value);
  }
  return { ok: true, value: mergeRanges(all), last: undefined };
}

async function listWindow(client: PageBlobClient, start: number, end: number): Promise<readonly ByteRange[]> {
  const found: ByteRange[] = [];
  for await (const range of client.listPageRanges(start, end - start)) {
    // A range that crosses the window is listed whole by some servers; `end` is inclusive.
    if (!range.isClear) found.push({ start: Math.max(start, range.start), end: Math.min(end, range.end + 1) });
  }
  return found;
}
