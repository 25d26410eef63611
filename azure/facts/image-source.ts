import type { AzureFacts } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { Halt, halt, need } from '../halt.ts';
import { passOn } from '../storage/outcomes.ts';
import { listRanges } from '../storage/list-ranges.ts';
import { type OpenSource, openSource } from '../storage/source.ts';
import { footerBytes, isFixedVhd } from '../storage/vhd.ts';

type ImageSource = NonNullable<AzureFacts['imageSource']>;

/** How much a copy will move, for the estimate; a listing that fails says nothing about the copy. */
async function dataBytes({ client, etag, size }: OpenSource): Promise<{ readonly dataBytes?: number }> {
  const listed = await listRanges(
    { start: 0, end: size },
    async (request) => {
      const answer = await call(() => request(client));
      if (answer.ok) return { status: 'done', value: answer.value };
      return { status: 'failed', error: unlisted, failure: answer.failure };
    },
    etag,
  );
  if (listed.status !== 'done') return {};
  return { dataBytes: listed.value.reduce((sum, range) => sum + range.end - range.start, 0) };
}

const unlisted = capstanError('CAP-2012', 'The pages of the image source cannot be listed.');

/** Looks at the source of the base image: readable, a page blob, a fixed VHD with its footer. */
export async function readImageSource(
  connection: Connection,
  url: string,
  subscriptionId: string,
): Promise<ImageSource> {
  const opened = await openSource(connection, url, subscriptionId);
  if (opened.status !== 'done') throw new Halt(passOn(opened));
  const { source } = opened;
  const problem = isFixedVhd(source);
  if (problem !== undefined) return halt(problem);
  const footer = need(
    await call(() => footerBytes(source.client, source.size)),
    source.shown,
    'read the end of the image source',
  );
  if (footer.subarray(0, 8).toString('latin1') !== 'conectix') {
    const cause = 'its last 512 bytes are not the footer of a VHD';
    return halt(capstanError('CAP-2012', 'The image source is not a fixed VHD.', { where: source.shown, cause }));
  }
  const version = source.metadata['kubernetesversion'];
  return {
    etag: source.etag,
    sizeBytes: source.size,
    ...(await dataBytes(source)),
    ...(version === undefined ? {} : { kubernetesVersion: version }),
  };
}
