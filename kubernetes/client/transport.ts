/** One request to the Kubernetes API. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query, e.g. `/api/v1/nodes?limit=500`. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

export interface TransportResponse {
  readonly status: number;
  readonly contentType: string;
  /** Seconds of a Retry-After header, when there is one. */
  readonly retryAfter?: number;
  readonly body: string;
}

/**
 * How requests reach the API server: over HTTPS, or (for networks without a way in) through a relay. Rejects with
 * `KubernetesUnreachable` when no answer came, with `KubernetesForeignCertificate` when the wrong one answered.
 */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  close(): void;
}

/** No answer: refused, reset, timed out, name not found, proxy could not connect. Worth another try. */
export class KubernetesUnreachable extends Error {
  /** Node's or OpenSSL's code, e.g. ECONNREFUSED. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.name = 'KubernetesUnreachable';
    this.code = code;
  }
}

/** The peer's certificate is not signed by the cluster's authority, or is for another name. Never worth another try. */
export class KubernetesForeignCertificate extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.name = 'KubernetesForeignCertificate';
    this.code = code;
  }
}
