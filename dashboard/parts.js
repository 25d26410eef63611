import { byId, element, refresh } from './dom.js';
import { duration, timeOfDay } from './time.js';

const tone = { Ready: 'good', Failed: 'bad', Deleted: 'quiet' };

/** @param {string} phase */
export function phaseBadge(phase) {
  return element(`span.phase.${tone[phase] ?? 'live'}`, {}, phase);
}

function runTime({ operation }, now) {
  if (operation.startedAt === undefined) return undefined;
  const end = operation.endedAt === undefined ? now : Date.parse(operation.endedAt);
  return end - Date.parse(operation.startedAt);
}

/** How many nodes are asked for; AKS runs the control plane of its clusters itself. */
function wantedNodes({ controlPlane, workerPools, nodePools }) {
  const sum = (workerPools ?? nodePools ?? []).reduce((total, pool) => total + pool.replicas, 0);
  return controlPlane === undefined
    ? `${sum} in AKS node pools`
    : `${controlPlane.replicas} control plane + ${sum} workers`;
}

function factList(document, now) {
  const { spec, status } = document;
  const time = runTime(status, now);
  const about = status.operation.endsAbout;
  return [
    ['Version', status.versions.kubernetes],
    ['Nodes', wantedNodes(spec)],
    ['Location', spec.azure.location],
    ['Resource group', spec.azure.resourceGroup],
    [status.operation.kind, time === undefined ? 'recorded' : duration(time)],
    ['Ends about', about === undefined ? undefined : timeOfDay(about)],
    ['Generation', `${status.observedGeneration} of ${status.generation}`],
    ['API server', status.endpoints.api],
  ].filter(([, value]) => value !== undefined);
}

/** Name, phase, tags and the facts of a cluster. */
export function showFacts(document, now) {
  const { metadata, status } = document;
  const facts = factList(document, now);
  const tags = Object.entries(metadata.tags ?? {});
  refresh(byId('facts'), [metadata, status.phase, facts], () => [
    element('h2', { id: 'cluster-title' }, metadata.name, ' ', phaseBadge(status.phase)),
    element('p.tags', {}, ...tags.map(([key, value]) => element('span.tag', {}, `${key}: ${value}`))),
    element(
      'dl',
      {},
      ...facts.map(([name, value]) =>
        element(name === 'API server' ? 'div.wide' : 'div', {}, element('dt', {}, name), element('dd', {}, value)),
      ),
    ),
  ]);
}

/** Why the operation failed and what to do, or nothing. */
export function showProblem({ metadata, status }) {
  const failed = status.steps.find((step) => step.error !== undefined);
  const error = status.operation.state === 'finished' ? (status.error ?? failed?.error) : failed?.error;
  const target = byId('problem');
  target.hidden = error === undefined;
  if (error === undefined) return;
  const kept = status.inventory.filter((item) => item.owned && item.state !== 'deleted' && item.state !== 'failed');
  const lines = [
    ['where', error.where],
    ['cause', error.cause],
    ...(error.problems ?? []).map((problem) => ['', `${problem.path}: ${problem.message}`]),
    ['azure', error.correlationId === undefined ? undefined : `correlation ${error.correlationId}`],
    ['kept', kept.length === 0 ? 'nothing was created in Azure' : `${kept.length} resources, listed below`],
    ['next', error.remedy],
  ].filter(([, text]) => text !== undefined);
  refresh(target, [error, kept.length], () => [
    element(
      'h3',
      { id: 'problem-title' },
      `${failed?.title ?? metadata.name} · ${error.message} `,
      element('code', {}, error.code),
    ),
    element('dl', {}, ...lines.flatMap(([name, text]) => [element('dt', {}, name), element('dd', {}, text)])),
  ]);
}

/** `virtualNetwork` → `virtual network`, `publicIPAddress` → `public IP address`. */
function kindWords(kind) {
  return kind
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]{2,})([A-Z][a-z])/g, '$1 $2')
    .split(' ')
    .map((word) => (/^[A-Z]{2,}$/.test(word) ? word : word.toLowerCase()))
    .join(' ');
}

function shortId(id) {
  return id.split('/').slice(-1)[0];
}

/** Inventory by kind; each kind opens to its resources. */
export function showResources({ inventory }) {
  refresh(byId('resources'), inventory, () => {
    if (inventory.length === 0) return [element('p.hint', {}, 'None yet.')];
    const kinds = Map.groupBy(inventory, (item) => item.kind);
    return [...kinds]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([kind, items]) => {
        const open = items.filter((item) => item.state !== 'created' && item.state !== 'exists');
        const id = `kind-${kind}`;
        return element(
          'details',
          {},
          element(
            'summary',
            { id },
            element('span.number', {}, String(items.length)),
            ` ${kindWords(kind)}`,
            open.length === 0 ? undefined : element('span.hint', {}, ` · ${open.length} not finished`),
          ),
          element(
            'ul',
            {},
            ...items.map((item) =>
              element(
                'li',
                { title: item.id },
                shortId(item.id),
                element('span.hint', {}, ` ${item.state}${item.owned ? '' : ' · yours, never written'}`),
              ),
            ),
          ),
        );
      });
  });
}

/** Events, newest first. */
export function showEvents(events) {
  refresh(byId('events'), events, () =>
    events.length === 0
      ? [element('li.hint', {}, 'No events yet.')]
      : events.map((event) =>
          element(
            `li.event${event.error === undefined ? '' : '.bad'}`,
            {},
            element('time', { datetime: event.at }, timeOfDay(event.at)),
            element('span.type', {}, event.type),
            element('span', {}, event.sentence),
          ),
        ),
  );
}
