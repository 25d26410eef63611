import { createHash } from 'node:crypto';

/** Reproducible randomness: the same seed and the same sequence of requests give the same ids, etags and durations. */
export interface Random {
  /** A lower-case uuid. */
  uuid(): string;
  /** A number in [0, 1) that depends on the seed and the words alone. */
  readonly draw: (...words: readonly string[]) => number;
  /** Base64url text of the given length that depends on the seed and the words alone (signatures, certificates in URLs). */
  filler(length: number, ...words: readonly string[]): string;
  /** How many uuids were drawn; persisted, so that a restart does not repeat them. */
  readonly position: number;
}

/**
 * @param seed any text
 * @param position value of `position` before a restart
 */
export function createRandom(seed: string, position = 0): Random {
  let drawn = position;
  const digest = (...words: readonly string[]): Buffer =>
    createHash('sha256')
      .update([seed, ...words].join('\n'))
      .digest();
  return {
    get position() {
      return drawn;
    },
    uuid() {
      drawn += 1;
      const hex = digest('uuid', String(drawn)).toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    },
    draw: (...words) => digest('draw', ...words).readUInt32BE(0) / 2 ** 32,
    filler(length, ...words) {
      let text = '';
      for (let block = 0; text.length < length; block += 1)
        text += digest('filler', ...words, String(block)).toString('base64url');
      return text.slice(0, length);
    },
  };
}
