import type { PageBlobClient } from '@azure/storage-blob';
import type { AzureFailure } from '../errors/failure.ts';
import type { Refused } from './destination.ts';
import { type ByteRange, mergeRanges } from './ranges.ts';

/** One Get Page Ranges over a whole fragmented blob may time out (azure-behaviour.md §2, Limits): ask in windows. */
const windowBytes = 8 * 1024 ** 3;
/** A window that times out is halved down to this. */
const smallestWindow = 64 * 1024 ** 2;

/** Ranges of a window, or what was refused. */
type Listed = { readonly status: 'done'; readonly value: readonly ByteRange[] } | Refused;

/** Whether the listing itself was too much for one request. */
function isTooMuch(failure: AzureFailure | undefined): boolean {
  return failure?.code === 'OperationTimedOut' || failure?.transport === 'AbortError';
}

/**
 * Page ranges that hold data, merged. Uses listPageRanges: getPageRanges of the SDK counts one byte short
 * (azure-behaviour.md, Traps).
 *
 * @param window the part that is listed, `[start, end)`
 * @param run carries out one request and judges its failure
 * @param ifMatch ETag that the blob must have; a changed blob is refused with 412
 */
export async function listRanges(
  window: ByteRange,
  run: (request: (client: PageBlobClient) => Promise<readonly ByteRange[]>) => Promise<Listed>,
  ifMatch?: string,
): Promise<Listed> {
  const all: ByteRange[] = [];
  let width = windowBytes;
  for (let start = window.start; start < window.end; ) {
    const end = Math.min(window.end, start + width);
    const listed = await run((client) => listWindow(client, { start, end }, ifMatch));
    if (listed.status !== 'done') {
      if (!isTooMuch(listed.failure) || width <= smallestWindow) return listed;
      width /= 2;
      continue;
    }
    all.push(...listed.value);
    start = end;
  }
  return { status: 'done', value: mergeRanges(all) };
}

async function listWindow(
  client: PageBlobClient,
  { start, end }: ByteRange,
  ifMatch: string | undefined,
): Promise<readonly ByteRange[]> {
  const found: ByteRange[] = [];
  const options = ifMatch === undefined ? {} : { conditions: { ifMatch } };
  for await (const range of client.listPageRanges(start, end - start, options)) {
    // A range that crosses the window is listed whole by some servers; `end` is inclusive.
    if (!range.isClear) found.push({ start: Math.max(start, range.start), end: Math.min(end, range.end + 1) });
  }
  return found;
}
