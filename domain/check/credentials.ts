import type { CertificateView, Finding } from './types.ts';

const day = 86_400_000;

/** Days before the end at which a certificate is spoken of: the control plane renews its own at sixty. */
const warnDays = 45;
/** An authority cannot be renewed by a rollout: a year to prepare. */
const authorityDays = 365;

/** Certificates that end soon. */
export function compareCertificates(certificates: readonly CertificateView[], now: number): readonly Finding[] {
  return certificates.flatMap(({ name, expiresAt, authority }): Finding[] => {
    const left = Math.floor((Date.parse(expiresAt) - now) / day);
    if (left >= (authority ? authorityDays : warnDays)) return [];
    const remedy = authority
      ? 'a new authority means a new cluster, or a renewal by hand'
      : 'POST …/actions/renew-certificates replaces it';
    return [
      {
        kind: 'expiring',
        where: name,
        sentence: left < 0 ? `${name} ended ${-left} days ago` : `${name} ends in ${left} days; ${remedy}`,
        repairable: false,
      },
    ];
  });
}
