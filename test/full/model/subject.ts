import type { AnyDocument } from '#domain/managed/types.ts';
import type { VirtualWorld } from '../../support/virtual.ts';
import type { Edit, FieldChange } from './steps.ts';

/** What a sequence is played on: a kind of cluster. */
export interface Subject {
  readonly name: 'self-managed' | 'AKS';
  first(): AnyDocument;
  /** The document with one field changed. */
  changed(document: AnyDocument, change: FieldChange): AnyDocument;
  /** The document with the newest version: the way on where there is no way back. */
  forward?(document: AnyDocument): AnyDocument;
  /** What somebody deleted behind Capstan's back stays away until somebody asks for a repair. */
  readonly editedMayBeMissing?: boolean;
  /** Whether a change is one that Azure does not allow. */
  refuses?(before: AnyDocument, after: AnyDocument): boolean;
  /**
   * Changes something behind Capstan's back.
   *
   * @returns what was done; undefined when there was nothing to do it to
   */
  edit(world: VirtualWorld, edit: Edit): Promise<string | undefined>;
  /**
   * In what the cluster, its objects and Azure are not what the document says. Where somebody changed a size behind
   * Capstan's back, that size counts.
   *
   * @param edited whether somebody changed something since it was last compared
   */
  differences(world: VirtualWorld, document: AnyDocument, edited: boolean): Promise<readonly string[]>;
}
