/**
 * FNV-1a, 32 bit, as lower-case hexadecimal without leading zeros removed. CAPZ builds the DNS label of the API server
 * from it (cluster-api-pivot.md §2c).
 */
export function fnv32a(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash.toString(16);
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A short stable name part made of the letters Kubernetes uses for generated names (no vowels, so no words).
 *
 * @param length 1 to 12 characters
 */
export function shortHash(text: string, length: number): string {
  let result = '';
  for (let index = 0; result.length < length; index++) {
    let value = Number.parseInt(fnv32a(`${text}#${index}`), 16);
    for (let digit = 0; digit < 6 && result.length < length; digit++) {
      result += alphabet[value % alphabet.length];
      value = Math.floor(value / alphabet.length);
    }
  }
  return result;
}
