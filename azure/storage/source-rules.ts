import ipaddr from 'ipaddr.js';
import type { Cloud } from '../clients/cloud.ts';

/** What the URL of an image source says about itself. */
export interface SourceUrl {
  readonly url: URL;
  /** Storage account, when the host is a blob endpoint of the chosen cloud. */
  readonly account: string | undefined;
  /** The URL carries its own SAS. */
  readonly hasSas: boolean;
  /** The URL without its query: what may be shown. */
  readonly shown: string;
}

/**
 * Checks an image source without asking anybody: https on its usual port, a host name, no user name in it.
 *
 * @returns the parts of the URL, or the reason of the refusal
 */
export function readSourceUrl(
  text: string,
  cloud: Pick<Cloud, 'blobSuffix'>,
): SourceUrl | { readonly refused: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { refused: 'it is not a URL' };
  }
  if (url.protocol !== 'https:') return { refused: `its scheme is ${url.protocol.replace(':', '')}, not https` };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (ipaddr.isValid(host)) return { refused: 'its host is an IP address' };
  if (host === 'localhost' || host.endsWith('.localhost') || !host.includes('.'))
    return { refused: `its host is ${host}` };
  if (url.username !== '' || url.password !== '') return { refused: 'it carries a user name' };
  if (url.port !== '') return { refused: `it names the port ${url.port}` };
  const suffix = `.${cloud.blobSuffix}`;
  const account = host.endsWith(suffix) ? host.slice(0, -suffix.length) : undefined;
  return {
    url,
    account: account !== undefined && /^[a-z0-9]{3,24}$/.test(account) ? account : undefined,
    hasSas: url.searchParams.has('sig'),
    shown: `${url.origin}${url.pathname}`,
  };
}

/** Whether an address is on the public internet; private, loopback, link-local and special ones are not. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}
