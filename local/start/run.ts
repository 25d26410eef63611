import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Doors, openDoors } from './api.ts';
import type { Ports, StartOptions } from './args.ts';
import { lastLines } from './children.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { type Ending, followOperation, type FollowOptions, followRequest, nextOperation } from './follow.ts';
import { claimPorts, StartProblem } from './ports.ts';
import { applyMessage, type ClusterFile, readClusterFile } from './request.ts';
import { type Stack, startStack } from './running.ts';
import { addresses, childSpecs, connectionString } from './stack.ts';
import type { StatusDocument } from './status-document.ts';
import { portAnswers, postRequest, uploadComponents } from './storage.ts';
import { type Troublemaker, createTroublemaker } from './trouble.ts';
import { refusalLines } from './view/failure.ts';
import type { Model, View } from './view/model.ts';
import { summaryLines } from './view/summary.ts';
import type { Paint } from './view/text.ts';

export interface RunContext {
  readonly options: StartOptions;
  /** Folder of the built programs. */
  readonly programs: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly view: View;
  readonly paint: Paint;
  /** Milliseconds between two pictures. */
  readonly drawInterval: number;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Told about the stack as soon as it runs, for the second Ctrl-C. */
  onStack(stack: Stack): void;
}

/** What the parts of a run share. */
interface Session {
  readonly context: RunContext;
  readonly ports: Ports;
  readonly folder: DataFolder;
  readonly cluster: ClusterFile;
  readonly requestId: string;
  readonly doors: Doors;
  readonly stack: Stack;
  readonly trouble: Troublemaker;
  readonly signal: AbortSignal;
  model: Model;
  /** False while the last picture stands and nothing is drawn. */
  drawing: boolean;
}

/**
 * Runs the local stack until the cluster has its end (`--once`) or Ctrl-C.
 *
 * @returns the exit code: 0, or 1 when the cluster failed or the request was refused (`--once` only)
 * @throws StartProblem when it cannot start or a program dies
 */
export async function run(context: RunContext): Promise<number> {
  const { options, programs, environment } = context;
  const cluster = readClusterFile(existingFile(options.file, programs));
  if (!existsSync(path.join(programs, 'host.js'))) {
    throw new StartProblem(`The programs are not built (${programs}). Run: npm run build`);
  }
  const folder = await openDataFolder(options.data, { reset: options.reset });
  try {
    const ports = await claimPorts(options.ports);
    const requestId = folder.requestIdFor(JSON.stringify([cluster.value, options.trouble ?? '']));
    const model = firstModel(options, ports, cluster);
    context.view.update(model, Date.now());
    const stack = startStack(childSpecs({ ports, scale: options.scale, folder, programs, environment }));
    context.onStack(stack);
    try {
      return await supervise({ context, ports, folder, cluster, requestId, stack, model, drawing: true });
    } finally {
      context.view.restore();
      await stack.stop();
    }
  } finally {
    folder.close();
  }
}

/** The default file also when the command runs in another folder. */
function existingFile(file: string, programs: string): string {
  const beside = path.resolve(programs, '../..', file);
  return !existsSync(file) && existsSync(beside) ? beside : file;
}

const partNames = { azurite: 'storage (Azurite)', simulator: 'simulated Azure', host: 'Functions host' } as const;

function firstModel(options: StartOptions, ports: Ports, cluster: ClusterFile): Model {
  const { metadata, spec } = cluster.document;
  return {
    ...addresses(ports),
    scale: options.scale,
    asked: { metadata: { ...metadata, uid: '', createdAt: '' }, spec },
    posted: undefined,
    parts: Object.values(partNames).map((name) => ({ name, ready: false })),
    document: undefined,
    notes: [],
    startedAt: Date.now(),
  };
}

/** Draws while it works; ends with the first of: the work, a death, Ctrl-C. */
async function supervise(given: Omit<Session, 'doors' | 'trouble' | 'signal'>): Promise<number> {
  const { context, stack } = given;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, context.signal]);
  const doors = openDoors(given.model.app, given.model.azure, signal);
  const session: Session = {
    ...given,
    doors,
    signal,
    trouble: createTroublemaker(context.options.trouble, given.cluster.document.spec, doors, stack),
  };
  const ticker = setInterval(() => {
    if (session.drawing) context.view.update(session.model, Date.now());
  }, context.drawInterval);
  const death = async (): Promise<never> => {
    const { name, code, signal: by, logFile } = await stack.died;
    const how = by === null ? `with exit code ${code}` : `by ${by}`;
    const tail = lastLines(logFile, 12).map((line) => `  | ${line}`);
    throw new StartProblem(
      [`${partNames[name]} ended unexpectedly, ${how}; everything was stopped. Its log: ${logFile}`, ...tail].join(
        '\n',
      ),
    );
  };
  try {
    return await Promise.race([work(session), death()]);
  } catch (error) {
    // Ctrl-C is the ordinary end of a run; with --once it means that the answer was not waited for.
    if (context.signal.aborted) return context.options.once ? 130 : 0;
    throw error;
  } finally {
    clearInterval(ticker);
    over.abort();
  }
}

async function work(session: Session): Promise<number> {
  await Promise.all([prepareAzure(session), post(session), watchHost(session)]);
  let ending = await followRequest(session.requestId, followOptions(session));
  for (;;) {
    await show(session, ending);
    if (session.context.options.once) return ending.kind === 'ready' ? 0 : 1;
    const document =
      'document' in ending ? ending.document : await session.doors.status(session.cluster.document.metadata.name);
    await nextOperation(document?.status.operation.id ?? '', followOptions(session));
    session.context.view.reopen();
    session.drawing = true;
    ending = await followOperation(followOptions(session));
  }
}

function note(session: Session, sentence: string): void {
  const { model } = session;
  if (!model.notes.includes(sentence)) session.model = { ...model, notes: [...model.notes, sentence] };
}

function ready(session: Session, name: keyof typeof partNames): void {
  const parts = session.model.parts.map((part) => (part.name === partNames[name] ? { ...part, ready: true } : part));
  session.model = { ...session.model, parts };
}

async function prepareAzure(session: Session): Promise<void> {
  while (!(await session.doors.simulatorAnswers())) await sleep(100, undefined, { signal: session.signal });
  const told = await session.trouble.prepare();
  ready(session, 'simulator');
  for (const sentence of told) note(session, sentence);
}

/** Posts as soon as the queue answers; only ordered trouble has to be in place before. */
async function post(session: Session): Promise<void> {
  const { ports, cluster, requestId, signal, context } = session;
  const storage = connectionString(ports);
  await Promise.all([portAnswers(ports.queue, signal), portAnswers(ports.blob, signal)]);
  ready(session, 'azurite');
  const send = async (): Promise<void> => {
    if (context.options.trouble !== undefined) await session.trouble.prepared;
    await postRequest(storage, applyMessage(requestId, cluster));
    session.model = { ...session.model, posted: { file: cluster.file, requestId } };
  };
  await Promise.all([send(), uploadComponents(storage, path.join(context.programs, 'components'))]);
}

/** A host that loaded nothing stays up and answers 404, as the real one does: a bound tells. */
async function watchHost(session: Session): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!(await session.doors.healthy())) {
    if (Date.now() > deadline) {
      const log = session.folder.file('logs', 'host.log');
      const tail = lastLines(log, 12).map((line) => `  | ${line}`);
      throw new StartProblem([`The app does not become healthy; the log of the host: ${log}`, ...tail].join('\n'));
    }
    await sleep(150, undefined, { signal: session.signal });
  }
  ready(session, 'host');
}

function followOptions(session: Session): FollowOptions {
  return {
    doors: session.doors,
    cluster: session.cluster.document.metadata.name,
    signal: session.signal,
    interval: 500,
    async onDocument(document) {
      session.model = { ...session.model, document };
      rememberExpected(session.folder, document);
      for (const sentence of await session.trouble.look(document)) note(session, sentence);
    },
    onEvent(event) {
      // Steps and operations are in the picture already; what remains is how trouble was met.
      if (!/^(step|operation|request|resource)\./.test(event.type)) note(session, event.sentence);
    },
  };
}

/** The API tells when an operation ends about only while it runs. */
function rememberExpected(folder: DataFolder, { status }: StatusDocument): void {
  const { id, startedAt, endsAbout } = status.operation;
  if (startedAt === undefined || endsAbout === undefined) return;
  const seconds = (Date.parse(endsAbout) - Date.parse(startedAt)) / 1000;
  if (folder.expected?.operationId !== id || folder.expected.seconds !== seconds)
    folder.rememberExpected({ operationId: id, seconds });
}

/** How to go on after a failure without leaving. */
function againLines({ context, cluster, model }: Session): readonly string[] {
  if (context.options.once) return [];
  const { name } = cluster.document.metadata;
  return ['', `  apply again  curl -X PUT --data-binary @${cluster.file} ${model.app}/api/clusters/${name}`];
}

async function show(session: Session, ending: Ending): Promise<void> {
  const { context, model } = session;
  const { view, paint } = context;
  const close = (lines: readonly string[]): void => {
    const stay = context.options.once
      ? []
      : ['', paint.dim('Ctrl-C stops everything; the next npm start continues on this data.')];
    session.drawing = false;
    view.close(session.model, Date.now(), [...lines, ...stay]);
  };
  if (ending.kind === 'refused') {
    const { requestId, error } = ending.request;
    close(
      error === undefined ? [`Request ${requestId} was refused.`] : refusalLines(requestId, error, view.width, paint),
    );
    return;
  }
  if (ending.kind !== 'ready') {
    close(
      ending.kind === 'failed'
        ? againLines(session)
        : [`${ending.document.metadata.name} is ${ending.document.status.phase}.`],
    );
    return;
  }
  const expected = session.folder.expected;
  const lines = summaryLines(ending.document, {
    app: model.app,
    scale: model.scale,
    resources: await session.doors.resources(),
    expectedSeconds: expected?.operationId === ending.document.status.operation.id ? expected.seconds : undefined,
    width: view.width,
    paint,
  });
  close(lines);
}
