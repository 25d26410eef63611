import * as fc from 'fast-check';

/** What somebody does to the cluster behind Capstan's back: with kubectl, or in Azure. */
export interface Edit {
  readonly what: 'delete machine' | 'delete node' | 'set replicas' | 'scale';
  /** Which of the objects that there are, counted round. */
  readonly pick: number;
  readonly replicas: number;
}

/** One change of the document; which fields there are is the subject's business. */
export interface FieldChange {
  readonly field: number;
  readonly value: number;
}

/** One step of a sequence. Plain data, so that a failing sequence can be printed and made smaller. */
export type Step =
  | { readonly do: 'apply'; readonly changes: readonly FieldChange[]; readonly queue: boolean }
  | { readonly do: 'delete' }
  | { readonly do: 'cancel'; readonly leave: 'keep' | 'delete' }
  /** The app dies after so many calls of activities (0: now), and is away for so many seconds. */
  | { readonly do: 'crash'; readonly calls: number; readonly away: number; readonly edit: Edit | undefined }
  | { readonly do: 'edit'; readonly edit: Edit }
  | { readonly do: 'check' }
  | { readonly do: 'pass'; readonly seconds: number }
  | { readonly do: 'settle' };

const edit: fc.Arbitrary<Edit> = fc.record({
  what: fc.constantFrom('delete machine', 'delete node', 'set replicas', 'scale'),
  pick: fc.nat(3),
  replicas: fc.nat(2),
});

const change: fc.Arbitrary<FieldChange> = fc.record({ field: fc.nat(99), value: fc.nat(5) });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ changes: fc.array(change, { minLength: 1, maxLength: 3 }), queue: fc.boolean() })
      .map((given): Step => ({ do: 'apply', ...given })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'delete' }) },
  { weight: 1, arbitrary: fc.constantFrom('keep', 'delete').map((leave): Step => ({ do: 'cancel', leave })) },
  {
    weight: 3,
    arbitrary: fc
      .record({
        calls: fc.nat(25),
        away: fc.constantFrom(0, 0, 45, 900, 9000),
        edit: fc.option(edit, { nil: undefined }),
      })
      .map((given): Step => ({ do: 'crash', ...given })),
  },
  { weight: 3, arbitrary: edit.map((given): Step => ({ do: 'edit', edit: given })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'check' }) },
  { weight: 4, arbitrary: fc.constantFrom(1, 20, 120, 600).map((seconds): Step => ({ do: 'pass', seconds })) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'settle' }) },
);

/** A life of a cluster, of at most so many steps. */
export function life(longest: number): fc.Arbitrary<readonly Step[]> {
  return fc.array(step, { minLength: 1, maxLength: longest, size: 'max' });
}

/** A step as a person reads it. */
export function sentenceOf(one: Step): string {
  const { do: what, ...rest } = one;
  const details = Object.entries(rest).filter(([, value]) => value !== undefined);
  return [what, ...details.map(([key, value]) => `${key}=${JSON.stringify(value)}`)].join(' ');
}
