import { z } from 'zod';
import type { ClusterPlan } from '../plan/types.ts';
import type { KubeadmFile } from './types.ts';

const frame = /-----(?:BEGIN|END) CERTIFICATE-----/g;
/** A certificate is a long ASN.1 sequence, whose Base64 begins with `MI`. */
const body = /^MI[A-Za-z0-9+/]{100,}={0,2}$/;

/** PEM certificates and white space, nothing else. */
function isCertificateBundle(text: string): boolean {
  const frames = text.match(frame) ?? [];
  const parts = text.split(frame);
  const paired = frames.every((line, index) => line.includes(index % 2 === 0 ? 'BEGIN' : 'END'));
  const fits = parts.every((part, index) =>
    index % 2 === 0 ? part.trim() === '' : body.test(part.replaceAll(/\s/g, '')),
  );
  return frames.length > 0 && frames.length % 2 === 0 && paired && fits;
}

/** Certificates that nodes trust besides the public ones; they take room of the 64 KiB of user data. */
export const trustedCa = z
  .string()
  .max(32_768)
  .refine(isCertificateBundle, 'must be PEM certificates and nothing else')
  .describe('Certificates (PEM) that nodes trust besides the public ones.');

/**
 * Files and commands that make a node trust the user's certificates; empty without any. One file each, as
 * update-ca-certificates wants them; containerd reads the certificates when it starts.
 */
export function trustedCaSetup(plan: ClusterPlan): {
  readonly files: readonly KubeadmFile[];
  readonly commands: readonly string[];
} {
  const certificates = plan.spec.trustedCa?.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) return { files: [], commands: [] };
  return {
    files: certificates.map((certificate, index) => ({
      path: `/usr/local/share/ca-certificates/capstan-${index + 1}.crt`,
      owner: 'root:root',
      permissions: '0644',
      content: `${certificate.replaceAll('\r\n', '\n')}\n`,
    })),
    commands: ['update-ca-certificates', 'systemctl restart containerd'],
  };
}
