import { ApiProblem, openApi } from './api.js';
import { byId, element, refresh } from './dom.js';
import { phaseBadge, showEvents, showFacts, showProblem, showResources } from './parts.js';
import { showTimeline } from './timeline.js';
import { showZones } from './zones.js';

const api = openApi(askForKey);
/** @type {{ chosen: string, tag: string, clusters: any[], document: any, events: any[], cursor: string | undefined }} */
const state = {
  /** Name of the cluster that is shown: the one in the address, else the first of the list. */
  chosen: '',
  tag: '',
  clusters: [],
  document: undefined,
  events: [],
  cursor: undefined,
};
/** Ends what belongs to the cluster that was shown before. */
let watching = new AbortController();

async function askForKey() {
  const dialog = byId('key-dialog');
  const input = byId('key');
  input.value = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        resolve(input.value);
        input.value = '';
      },
      { once: true },
    );
  });
}

/** @param {number} milliseconds @param {AbortSignal} [signal] */
async function pause(milliseconds, signal) {
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

/** @param {string} text @param {'good' | 'bad'} tone */
function connection(text, tone) {
  const target = byId('connection');
  if (target.textContent !== text) target.textContent = text;
  target.className = tone;
}

/** Runs a poll for ever; a failing API is said on the page and asked again. */
async function repeat(poll, signal) {
  for (;;) {
    let wait = 3000;
    try {
      wait = await poll();
      connection('live', 'good');
    } catch (error) {
      if (signal?.aborted === true) return;
      const why = error instanceof ApiProblem ? error.message : 'the API does not answer';
      connection(`${why}; asking again`, 'bad');
    }
    await pause(wait, signal);
    if (signal?.aborted === true) return;
  }
}

function showClusters() {
  refresh(byId('clusters'), [state.clusters, state.chosen], () =>
    state.clusters.length === 0
      ? [element('li.hint', {}, state.tag === '' ? 'There is no cluster yet.' : 'No cluster carries this tag.')]
      : state.clusters.map(({ name, phase, location }) =>
          element(
            'li',
            {},
            element(
              'a',
              { id: `cluster-${name}`, href: `#/${name}`, 'aria-current': name === state.chosen ? 'page' : undefined },
              element('span.name', {}, name),
              phaseBadge(phase),
              element('span.hint', {}, location),
            ),
          ),
        ),
  );
}

async function pollClusters() {
  const hint = byId('tag-problem');
  try {
    const { items } = await api.clusters(state.tag);
    state.clusters = items;
    hint.textContent = '';
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status >= 500) throw error;
    hint.textContent = error.message;
    state.clusters = [];
  }
  showClusters();
  if (state.chosen === '' && state.clusters.length > 0) choose(state.clusters[0].name);
  return document.hidden ? 15_000 : 4000;
}

function showCluster() {
  const { document: shown, events } = state;
  byId('sheet').hidden = shown === undefined;
  byId('empty').hidden = shown !== undefined;
  if (shown === undefined) return;
  const now = Date.now();
  showFacts(shown, now);
  showProblem(shown);
  showTimeline(shown.status, now);
  showZones(shown.status);
  showResources(shown.status);
  showEvents(events);
}

async function pollCluster(name, signal) {
  try {
    const shown = await api.cluster(name, signal);
    if (signal.aborted) return 0;
    state.document = shown;
    document.title = `${name} · ${shown.status.phase} · Capstan`;
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
    state.document = undefined;
    byId('empty').textContent = `There is no cluster ${name}.`;
  }
  showCluster();
  const running = state.document !== undefined && state.document.status.operation.state !== 'finished';
  return document.hidden ? 10_000 : running ? 1000 : 4000;
}

async function pollEvents(name, signal) {
  const first = state.cursor === undefined;
  try {
    const { events, cursor } = await api.events(name, state.cursor, first ? 0 : 20, signal);
    if (signal.aborted) return 0;
    state.cursor = cursor ?? state.cursor;
    state.events = [...events, ...state.events].slice(0, 500);
    showEvents(state.events);
    return events.length === 0 && state.cursor === undefined ? 1000 : 100;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return 3000;
    throw error;
  }
}

function choose(name) {
  if (name === state.chosen) return;
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  Object.assign(state, { chosen: name, document: undefined, events: [], cursor: undefined });
  showClusters();
  showCluster();
  if (name === '') return;
  void repeat(() => pollCluster(name, signal), signal);
  void repeat(() => pollEvents(name, signal), signal);
}

function chosenInAddress() {
  return decodeURIComponent(location.hash.replace(/^#\//, '').replace(/^#.*/, ''));
}

addEventListener('hashchange', () => {
  if (location.hash.startsWith('#/')) choose(chosenInAddress());
});
// The page has nothing to show without a key, so the question cannot be put aside.
byId('key-dialog').addEventListener('cancel', (event) => {
  event.preventDefault();
});
byId('filter').addEventListener('submit', (event) => {
  event.preventDefault();
});
byId('tag').addEventListener('change', (event) => {
  state.tag = event.target.value.trim();
  void pollClusters().catch(() => undefined);
});
// Bars of running steps grow between two polls.
setInterval(() => {
  if (!document.hidden && state.document?.status.operation.state !== 'finished') showCluster();
}, 500);
choose(chosenInAddress());
void repeat(pollClusters);
