import { Secret } from '../secret.ts';
import type { ClusterDocument } from '../spec/types.ts';

/** Parameters of a blob's URL that choose a version of it and sign nothing. */
const open = new Set(['snapshot', 'versionid']);

/** A request as it is stored, and the URL of its image source when that carries a SAS. */
export interface SealedDocument {
  readonly document: ClusterDocument;
  readonly source: Secret | undefined;
}

/**
 * Takes the SAS out of a request before anything of it is stored: the document keeps the URL without it and says that
 * the signature is in Key Vault. Only there the whole URL is kept.
 */
export function sealSource(document: ClusterDocument): SealedDocument {
  const { vhd } = document.spec.image;
  if (vhd === undefined || !URL.canParse(vhd)) return { document, source: undefined };
  const url = new URL(vhd);
  const secret = [...url.searchParams.keys()].filter((name) => !open.has(name.toLowerCase()));
  if (secret.length === 0) return { document, source: undefined };
  for (const name of secret) url.searchParams.delete(name);
  const image = { ...document.spec.image, vhd: url.href, signature: 'keyVault' as const };
  return { document: { ...document, spec: { ...document.spec, image } }, source: new Secret(vhd) };
}

/** The signed URL, if it is the one of this source: a kept signature is never sent to another address. */
export function unsealedSource(vhd: string, source: Secret | undefined): string | undefined {
  const signed = source?.reveal() ?? '';
  if (!URL.canParse(signed) || !URL.canParse(vhd)) return undefined;
  const [kept, asked] = [new URL(signed), new URL(vhd)];
  return kept.origin === asked.origin && kept.pathname === asked.pathname ? signed : undefined;
}

/** Name of the Key Vault secret with the signed URL of a cluster's image source. */
export function sourceSecret(secretPrefix: string): string {
  return `${secretPrefix}-image-source`;
}

/** Name of the Key Vault secret with the SAS of the disk that an image is written into, while it is written. */
export function diskSecret(secretPrefix: string): string {
  return `${secretPrefix}-image-disk`;
}
