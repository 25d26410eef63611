import type { PageBlobClient } from '@azure/storage-blob';
import type { CapstanError } from '#domain/errors/error.ts';
import { capstanError } from '../errors/capstan-error.ts';

const footerLength = 512;
const mebibyte = 1024 ** 2;

/** The last 512 bytes: the footer of a fixed VHD. */
export async function footerBytes(client: PageBlobClient, size: number): Promise<Buffer> {
  const answer = await client.download(size - footerLength, footerLength);
  const chunks: Buffer[] = [];
  for await (const chunk of answer.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/**
 * Whether a blob can be a fixed VHD that Azure makes an image from: a page blob of whole mebibytes plus the footer.
 *
 * @returns the error when it cannot
 */
export function isFixedVhd(blob: {
  readonly blobType: string;
  readonly size: number;
  readonly shown: string;
}): CapstanError | undefined {
  const cause =
    blob.blobType !== 'PageBlob'
      ? `it is a ${blob.blobType === '' ? 'blob of unknown type' : blob.blobType}, not a page blob`
      : blob.size % footerLength !== 0 || blob.size <= footerLength
        ? `its size ${blob.size} is not a multiple of 512 bytes`
        : (blob.size - footerLength) % mebibyte !== 0
          ? `its virtual size ${blob.size - footerLength} is not whole MiB, which Azure asks for`
          : undefined;
  return cause === undefined
    ? undefined
    : capstanError('CAP-2012', 'The image source is not a fixed VHD in a page blob.', { where: blob.shown, cause });
}
