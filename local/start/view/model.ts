import type { StatusDocument } from '../status-document.ts';

/** One of the programs that are starting. */
export interface Part {
  readonly name: string;
  readonly ready: boolean;
}

/** Everything the views show; plain facts, no rendering. */
export interface Model {
  readonly app: string;
  readonly azure: string;
  readonly scale: number;
  /** The document that was asked for; shown until the API knows the cluster. */
  readonly asked: Pick<StatusDocument, 'metadata' | 'spec'>;
  /** File and request, once the message is on the queue. */
  readonly posted: { readonly file: string; readonly requestId: string } | undefined;
  readonly parts: readonly Part[];
  readonly document: StatusDocument | undefined;
  /** Sentences about trouble and how it was met, oldest first. */
  readonly notes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** What a view does with the facts. */
export interface View {
  update(model: Model, now: number): void;
  /** Leaves the picture as it is and writes lines below it. */
  close(model: Model, now: number, below: readonly string[]): void;
  /** Begins a new picture below everything else. */
  reopen(): void;
  /** Restores the terminal; safe to call at any time. */
  restore(): void;
  /** Columns available for lines that are given to `close`. */
  readonly width: number;
}
