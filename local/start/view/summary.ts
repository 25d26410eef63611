import type { AzureResource, StatusDocument } from '../status-document.ts';
import {
  byKind,
  controlPlaneZones,
  elapsed,
  longestWay,
  poolZones,
  resourcesOf,
  stepTitle,
  wantedControlPlane,
} from './facts.ts';
import { fact } from './failure.ts';
import { zoneSquares } from './steps.ts';
import { clockTime, columns, count, duration, type Paint, spread } from './text.ts';

export interface SummaryOptions {
  readonly app: string;
  readonly scale: number;
  /** Everything in the simulated Azure. */
  readonly resources: readonly AzureResource[];
  /** Seconds of wall clock the critical path was expected to take, when it was seen while it ran. */
  readonly expectedSeconds: number | undefined;
  readonly width: number;
  readonly paint: Paint;
}

/** Columns of a label, indent included. */
const labelWidth = 14;

/** What a Ready cluster is made of, how long it took, and where to look next. */
export function summaryLines(document: StatusDocument, options: SummaryOptions): readonly string[] {
  const { width, paint, app } = options;
  const { name } = document.metadata;
  const resources = resourcesOf(document, options.resources);
  const addOns = document.spec.addOns.map((addOn) => addOn.name);
  const kinds = byKind(resources);
  const time = elapsed(document, Date.parse(document.status.operation.endedAt ?? '') || 0);
  const title = `${paint.good('✔')} ${paint.strong(`${name} is Ready`)} · ${document.status.endpoints.api ?? ''}`;
  const line = (label: string, text: string): readonly string[] => fact(label, text, width, paint, labelWidth);
  // Commands are never wrapped, so that they can be copied.
  const command = (label: string, text: string): string => `  ${paint.dim(label.padEnd(labelWidth - 2))}${text}`;
  return [
    spread(title, clockTime(time), width),
    ...nodeLines(document, paint),
    ...line('add-ons', addOns.length === 0 ? 'none' : addOns.join(', ')),
    ...line(
      'azure',
      resources.length === 0 ? 'not known' : `${count(resources.length, 'resource')}: ${kinds.join(' · ')}`,
    ),
    ...line('elapsed', elapsedText(document, time, options)),
    command('kubeconfig', `curl -s ${app}/api/clusters/${name}/kubeconfig > ${name}.kubeconfig`),
    command('', `kubectl --kubeconfig ${name}.kubeconfig get nodes`),
    command('dashboard', `${app}/dashboard`),
  ];
}

/** Nodes per zone, the control plane first. */
function nodeLines(document: StatusDocument, paint: Paint): readonly string[] {
  const { nodes, pools } = document.status;
  const controlPlane = nodes.filter((node) => node.role === 'control-plane');
  const wanted = wantedControlPlane(document.spec);
  const rows = [
    ...(wanted === undefined
      ? []
      : [
          {
            name: 'control plane',
            zones: controlPlaneZones(document),
            ready: controlPlane.filter((node) => node.ready).length,
            wanted,
          },
        ]),
    ...pools.map((pool) => ({ name: pool.name, zones: poolZones(pool), ready: pool.ready, wanted: pool.replicas })),
  ];
  const nameWidth = Math.max(...rows.map((row) => columns(row.name)));
  const squares = rows.map((row) => zoneSquares(row.zones, paint));
  const squareWidth = Math.max(...squares.map(columns));
  return rows.map((row, index) => {
    const cells = squares[index] ?? '';
    const label = paint.dim((index === 0 ? 'nodes' : '').padEnd(labelWidth - 2));
    const gap = ' '.repeat(squareWidth - columns(cells));
    return `  ${label}${row.name.padEnd(nameWidth)}  ${cells}${gap}   ${row.ready} of ${row.wanted} ready`;
  });
}

/** Elapsed against the critical path, and what took longer than it had to. */
function elapsedText(document: StatusDocument, time: number, options: SummaryOptions): string {
  const way = longestWay(document.status.steps);
  const { expectedSeconds, scale } = options;
  const against =
    expectedSeconds === undefined
      ? ''
      : `, critical path ${duration(expectedSeconds * 1000)} (${duration(expectedSeconds * scale * 1000)} on Azure)`;
  const late = way
    .filter(
      ({ step, took }) => step.expectedSeconds !== undefined && took > (step.expectedSeconds * 1000) / scale + 1000,
    )
    .map(({ step, took }) => ({ step, over: took - ((step.expectedSeconds ?? 0) * 1000) / scale }))
    .sort((a, b) => b.over - a.over)
    .slice(0, 3)
    .map(({ step, over }) => `${stepTitle(step, document)} +${duration(over)}`);
  const longest = [...way]
    .sort((a, b) => b.took - a.took)
    .slice(0, 3)
    .map(({ step, took }) => `${stepTitle(step, document)} ${duration(took)}`);
  const waited = way.reduce((sum, { waited }) => sum + waited, 0);
  return [
    `${duration(time)}${against}`,
    ...(late.length > 0 ? [`longer than planned: ${late.join(', ')}`] : []),
    ...(late.length === 0 && longest.length > 0 ? [`longest on the way: ${longest.join(', ')}`] : []),
    ...(waited >= 1000 ? [`${duration(waited)} between steps`] : []),
  ].join(' · ');
}
