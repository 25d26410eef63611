import { byId, element, refresh } from './dom.js';
import { duration, ticks } from './time.js';

const words = { pending: 'waiting', running: 'running', done: 'done', failed: 'failed', skipped: 'not needed' };
const signs = { pending: '·', running: '▸', done: '✔', failed: '✖', skipped: '–' };

/** The span that the axis shows: from the start of the operation to its end, seen or expected. */
function span(status, now) {
  const start = Date.parse(status.operation.startedAt ?? '') || now;
  const ends = status.steps.map((step) => Date.parse(step.endedAt ?? '') || 0);
  const open = status.operation.state === 'finished' ? 0 : now;
  const about = Date.parse(status.operation.endsAbout ?? '') || 0;
  return { start, length: Math.max(1000, Math.max(open, about, ...ends) - start) };
}

/** Steps that decided how long it took: from the last one to end back through its latest need. */
export function criticalSteps(steps) {
  const end = (step) => Date.parse(step.endedAt ?? '') || 0;
  const latest = (list) => list.filter((step) => step.endedAt !== undefined).sort((a, b) => end(b) - end(a))[0];
  const way = new Set();
  let step = latest(steps);
  while (step !== undefined && !way.has(step.id)) {
    const { needs } = step;
    way.add(step.id);
    step = latest(steps.filter((candidate) => needs.includes(candidate.id)));
  }
  return way;
}

function progressText({ done, total, unit }) {
  if (unit !== 'bytes') return `${done} of ${total} ${unit}`;
  return `${(done / 2 ** 20).toFixed(1)} of ${(total / 2 ** 20).toFixed(1)} MiB`;
}

function sentenceOf(step) {
  if (step.error !== undefined) return `${step.error.code} ${step.error.message}`;
  return step.sentence ?? (step.progress === undefined ? '' : progressText(step.progress));
}

function stepRow(step, view, critical, now) {
  const began = Date.parse(step.startedAt ?? '');
  const took = Number.isNaN(began) ? undefined : (Date.parse(step.endedAt ?? '') || now) - began;
  const percent = (milliseconds) => `${Math.min(100, Math.max(0, (100 * milliseconds) / view.length)).toFixed(2)}%`;
  const bar =
    took === undefined || step.state === 'pending'
      ? undefined
      : element('span.bar', { style: { left: percent(began - view.start), width: percent(took) } });
  const classes = `li.step.${step.state}${critical.has(step.id) ? '.critical' : ''}`;
  return element(
    classes,
    {},
    element(
      'span.title',
      {},
      element('span.sign', { 'aria-hidden': 'true' }, signs[step.state]),
      step.title,
      element('span.hidden', {}, ` ${words[step.state]}`),
    ),
    element('span.track', { 'aria-hidden': 'true' }, bar),
    element('span.took', {}, took === undefined || step.state === 'pending' ? '' : duration(took)),
    element('span.sentence', {}, sentenceOf(step)),
  );
}

/** Draws the steps as bars on one time axis. */
export function showTimeline(status, now) {
  const view = span(status, now);
  const finished = status.operation.state === 'finished';
  const critical = finished ? criticalSteps(status.steps) : new Set();
  refresh(byId('axis'), view.length, () =>
    ticks(view.length).map((tick) =>
      element('span', { style: { left: `${(100 * tick) / view.length}%` } }, duration(tick).replace(/\.0 s$/, ' s')),
    ),
  );
  const live = status.steps.some((step) => step.state === 'running') ? now : 0;
  refresh(byId('steps'), [status.steps, view, live], () =>
    status.steps.map((step) => stepRow(step, view, critical, now)),
  );
}
