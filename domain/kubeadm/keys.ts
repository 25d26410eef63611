import type { Secret } from '../secret.ts';

/** A certificate authority: PEM certificate (public) and PEM private key (PKCS#1, as kubeadm writes it). */
export interface KeyPair {
  readonly certificate: string;
  readonly key: Secret;
}

/** The four key pairs of a cluster, generated once and kept in Key Vault (cluster-api-pivot.md §2b). */
export interface ClusterKeys {
  /** CN kubernetes. */
  readonly certificateAuthority: KeyPair;
  /** CN etcd-ca. */
  readonly etcd: KeyPair;
  /** CN front-proxy-ca. */
  readonly frontProxy: KeyPair;
  /** Signs service account tokens; not a certificate. */
  readonly serviceAccount: { readonly publicKey: string; readonly key: Secret };
}
