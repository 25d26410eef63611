import { CapstanFailure } from '#domain/errors/error.ts';
import { secretPrefix } from '#domain/names/names.ts';
import type { ClusterSpec } from '#domain/spec/types.ts';
import { sourceSecret, unsealedSource } from '#domain/storage/sealed-source.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { SecretVault } from '../types.ts';

/**
 * Address of a cluster's image source with the SAS it came with, which is kept in Key Vault alone. Secret: it is read for
 * the call that needs it and never stored.
 *
 * @throws CapstanFailure CAP-3306 when the vault has no SAS for this address, CAP-3401 when the vault cannot be read
 */
export async function signedSource(
  secrets: Pick<SecretVault, 'get'>,
  cluster: { readonly name: string; readonly uid: string },
  image: ClusterSpec['image'],
): Promise<string> {
  const { vhd = '', signature } = image;
  if (signature === undefined) return vhd;
  const name = sourceSecret(secretPrefix(cluster.name, cluster.uid));
  const signed = unsealedSource(vhd, await secrets.get(name));
  if (signed !== undefined) return signed;
  throw new CapstanFailure(
    capstanError('CAP-3306', 'The SAS of the image source is missing.', {
      where: vhd,
      cause: `Key Vault has no secret ${name} for this address`,
      remedy: 'Apply again with the SAS in spec.image.vhd.',
    }),
  );
}
