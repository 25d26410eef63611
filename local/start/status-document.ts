import type { CapstanError } from '#domain/errors/error.ts';
import type { Progress } from '#domain/outcome.ts';
import type { NodeRecord, OperationKind, Phase, RequestRecord, StepState } from '#domain/record.ts';
import type { AnyDocument } from '#domain/managed/types.ts';

/** One step of the status document. */
export interface StepView {
  readonly id: string;
  readonly title: string;
  readonly needs: readonly string[];
  readonly state: StepState;
  /** ISO 8601. */
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly sentence?: string;
  readonly progress?: Progress;
  readonly error?: CapstanError;
  /** Azure seconds that the step takes when nothing goes wrong, where the API tells. */
  readonly expectedSeconds?: number;
}

export interface PoolView {
  readonly name: string;
  readonly vmSize: string;
  readonly replicas: number;
  readonly ready: number;
  /** `zone` is empty in regions without zones. */
  readonly zones: readonly { readonly zone: string; readonly replicas: number; readonly ready: number }[];
}

export interface OperationView {
  readonly id: string;
  readonly kind: OperationKind;
  readonly state: 'recorded' | 'started' | 'finished';
  readonly requestId: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly endsAbout?: string;
}

/** What `GET /api/clusters/{name}` answers (experience.md, The status document). */
export interface StatusDocument {
  readonly metadata: AnyDocument['metadata'] & { readonly uid: string; readonly createdAt: string };
  readonly spec: AnyDocument['spec'];
  readonly status: {
    readonly phase: Phase;
    readonly generation: number;
    readonly observedGeneration: number;
    readonly operation: OperationView;
    readonly error?: CapstanError;
    readonly steps: readonly StepView[];
    readonly nodes: readonly NodeRecord[];
    readonly pools: readonly PoolView[];
    readonly inventory: readonly {
      readonly id: string;
      readonly kind: string;
      readonly owned: boolean;
      readonly state: string;
    }[];
    readonly endpoints: { readonly api?: string };
    readonly versions: { readonly kubernetes: string };
  };
}

/** What `GET /api/requests/{requestId}` answers. */
export type RequestView = Pick<RequestRecord, 'requestId' | 'cluster' | 'outcome' | 'operationId' | 'error'>;

/** One event of `GET /api/clusters/{name}/events`. */
export interface EventView {
  readonly cursor: string;
  readonly type: string;
  readonly at: string;
  readonly sentence: string;
  readonly step?: string;
  readonly error?: CapstanError;
}

/** One element of the simulator's `GET /_simulator/resources`. */
export interface AzureResource {
  readonly id: string;
  readonly type: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** One element of the simulator's `GET /_simulator/requests`. */
export interface AzureRequestLine {
  readonly seq: number;
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly code?: string;
}
