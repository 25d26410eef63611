import type { CapstanError } from '#domain/errors/error.ts';
import type { StatusDocument, StepView } from '../status-document.ts';
import { explained, stepTitle } from './facts.ts';
import { clean, count, type Paint, spread, wrap } from './text.ts';

/** Columns of a label in a failure block, indent included. */
const labelColumns = 11;

/** One labelled fact of a block; wrapped, never cut: a failure must be readable to its end. */
export function fact(
  label: string,
  text: string,
  width: number,
  paint: Paint,
  labelWidth = labelColumns,
): readonly string[] {
  const room = Math.max(20, width - labelWidth);
  const [first = '', ...rest] = wrap(text, room);
  return [
    `  ${paint.dim(label.padEnd(labelWidth - 2))}${first}`,
    ...rest.map((line) => `${' '.repeat(labelWidth)}${line}`),
  ];
}

/** Why an operation failed: what, code, where, cause, Azure's trace, what was kept, what to do (experience.md, A failure). */
export function failureLines(
  document: StatusDocument,
  failure: { readonly error: CapstanError; readonly step: StepView | undefined },
  width: number,
  paint: Paint,
): readonly string[] {
  const { error, step } = failure;
  const kept = document.status.inventory.filter((item) => item.owned && !/^(deleted|failed)$/.test(item.state)).length;
  const title = step === undefined ? document.metadata.name : stepTitle(step, document);
  return [
    ...errorLines(title, error, width, paint),
    ...fact(
      'kept',
      kept === 0
        ? 'nothing was created in Azure'
        : `${count(kept, 'resource')}, listed with: GET /api/clusters/${document.metadata.name}`,
      width,
      paint,
    ),
    ...fact('next', explained(error).remedy, width, paint),
  ];
}

/** A request that was refused: the cluster, if there is one, is untouched. */
export function refusalLines(requestId: string, error: CapstanError, width: number, paint: Paint): readonly string[] {
  return [
    ...errorLines(`Request ${requestId} was refused`, error, width, paint),
    ...fact('next', explained(error).remedy, width, paint),
  ];
}

function errorLines(title: string, error: CapstanError, width: number, paint: Paint): readonly string[] {
  const headline = `${title} · ${clean(error.message)}`;
  const [first = '', ...rest] = wrap(headline, Math.max(20, width - error.code.length - 4));
  const problems = (error.problems ?? []).map(({ path, line, message }) => {
    const place = line === undefined ? path : `${path} (line ${line})`;
    return place === '' ? clean(message) : `${place}: ${clean(message)}`;
  });
  return [
    spread(`${paint.bad('✖')} ${paint.strong(first)}`, paint.bad(error.code), width),
    ...rest.map((line) => `  ${paint.strong(line)}`),
    ...(error.where === undefined ? [] : fact('where', clean(error.where), width, paint)),
    ...fact('cause', explained(error).cause, width, paint),
    ...problems.flatMap((problem) => fact('', problem, width, paint)),
    ...(error.correlationId === undefined
      ? []
      : fact('azure', `correlation ${clean(error.correlationId)}`, width, paint)),
  ];
}
