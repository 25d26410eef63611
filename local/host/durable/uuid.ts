import { createHash } from 'node:crypto';

const NAMESPACE = Buffer.from('9e9529595e334daf827f2fa12937b875', 'hex');

/** A version-5 UUID of the name in the namespace that the Durable extension uses for ids it must find again on replay. */
export function deterministicUuid(name: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(name, 'utf8').digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** An ISO time with exactly seven fraction digits and Z, the form that enters the name of a request id. */
export function sevenDigitTime(timestamp: string): string {
  const match = /^(.*?)(?:\.(\d+))?Z?$/.exec(timestamp);
  const fraction = (match?.[2] ?? '').padEnd(7, '0').slice(0, 7);
  return `${match?.[1] ?? timestamp}.${fraction}Z`;
}
