/**
 * What the recorded driver text (`scenarios.mjs`) expects from its harness, made for the host under test: `Oracle` is one host
 * on the scenario app, `Scenario` records steps and final statuses (durable-recordings/REPLAY.md).
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { object, text, type Json, type JsonObject } from './json.ts';
import { startHost, type RunningHost } from './workshop.ts';

export { sleep };

const TERMINAL = new Set(['Completed', 'Failed', 'Terminated', 'Canceled']);
const POLL_MS = 60;
const LONGEST_WAIT_MS = 60_000;
const HEADERS = ['location', 'retry-after', 'content-type', 'x-ms-continuation-token'];

/** Reads what a durable client binding is given; added to the recorded app, which has no HTTP function. */
const PROBE = `'use strict';
const df = require('durable-functions');
const { app } = require('@azure/functions');
app.http('conformanceProbe', { methods: ['GET'], authLevel: 'anonymous', extraInputs: [df.input.durableClient()],
  handler: (request, context) => ({ jsonBody: context.extraInputs.get(context.options.extraInputs[0]) }) });
`;

interface OracleOptions {
  readonly appFile: string;
  readonly durableTask: JsonObject;
  /** Limits of long timers for scenario 18b. */
  readonly timerLimits?: { maximumSeconds: number; intervalSeconds: number };
  app?: Json;
  /** Data folder; a restarted oracle takes over that of the killed one. */
  data?: string;
}

/** An HTTP answer in the form of the recordings. */
interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  body?: Json;
  text?: string;
}

let installed = 0;

/** One host under test with the scenario app. */
export class Oracle {
  readonly o: OracleOptions;
  readonly info = { extension: 'embedded host' };
  readonly app: Json = null;
  invocations: Json[] = [];
  clientData: Json = null;
  /** Web hook base of the management API. */
  web = '';
  #host: RunningHost | undefined;

  constructor(options: OracleOptions) {
    this.o = options;
  }

  async start(): Promise<void> {
    const source = path.dirname(this.o.appFile.startsWith('file:') ? fileURLToPath(this.o.appFile) : this.o.appFile);
    const folder = path.join(source, '..', `installed-${++installed}`);
    cpSync(source, folder, { recursive: true });
    const manifest = object(JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Json);
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ ...manifest, main: '{main,probe}.js' }));
    writeFileSync(path.join(folder, 'probe.js'), PROBE);
    const hostJson = { version: '2.0', extensions: { durableTask: this.o.durableTask } };
    writeFileSync(path.join(folder, 'host.json'), JSON.stringify(hostJson));
    this.o.data ??= `${folder}-data`;
    mkdirSync(this.o.data, { recursive: true });
    const { timerLimits: limits } = this.o;
    const env = limits ? { HOST_TIMER_LIMITS: `${limits.maximumSeconds},${limits.intervalSeconds}` } : {};
    this.#host = await startHost({ app: folder, data: this.o.data, env });
    this.web = `${this.#origin}/runtime/webhooks/durabletask/`;
    // The SDK makes URLs from it when the driver uses a client of its own.
    process.env['WEBSITE_HOSTNAME'] = `127.0.0.1:${this.#host.port}`;
    this.clientData = (await (await fetch(`${this.#origin}/api/conformanceProbe`)).json()) as Json;
  }

  get #origin(): string {
    return `http://127.0.0.1:${this.#host?.port ?? 0}`;
  }

  async stop(): Promise<void> {
    await this.#host?.end();
  }

  async kill(): Promise<void> {
    await this.#host?.end('SIGKILL');
  }

  /** Calls the management API; relative URLs belong to the RPC base. */
  async http(method: string, url: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
    const full = /^https?:/.test(url) ? url : `${this.#origin}/durabletask/${url}`;
    const response = await fetch(full, { method, headers, body: body ?? null });
    const content = await response.text();
    const kept = HEADERS.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    const answer: Answer = { status: response.status, headers: Object.fromEntries(kept) };
    try {
      return { ...answer, body: JSON.parse(content) as Json };
    } catch {
      return { ...answer, text: content };
    }
  }
}

/** One scenario: its calls, notes and the final status of every instance it knows. */
export class Scenario {
  o: Oracle;
  readonly name: string;
  readonly note: string;
  readonly prefix: string;
  readonly ids = new Set<string>();
  readonly steps: JsonObject[] = [];
  keepRaw = false;

  constructor(oracle: Oracle, name: string, note: string) {
    this.o = oracle;
    this.name = name;
    this.note = note;
    this.prefix = `${name}-`;
  }

  id(suffix: string): string {
    const id = `${this.name}-${suffix}`;
    this.ids.add(id);
    return id;
  }

  async start(fn: string, suffix: string, input?: Json, query = ''): Promise<string> {
    const id = suffix.startsWith('@') ? suffix : this.id(suffix);
    const body = input === undefined ? '""' : JSON.stringify(input);
    await this.http(`start ${fn}`, 'POST', `orchestrators/${fn}/${id}${query}`, body);
    return id;
  }

  /** Polls until the instance is terminal or the predicate holds or the time is over; the last status. */
  async wait(id: string, predicate?: (status: Json) => boolean, milliseconds = LONGEST_WAIT_MS): Promise<Json> {
    const ready = predicate ?? ((status: Json) => TERMINAL.has(text(object(status)['runtimeStatus'])));
    const end = Date.now() + milliseconds;
    for (;;) {
      const { body } = await this.o.http('GET', `instances/${encodeURIComponent(id)}`);
      if (ready(body ?? null) || Date.now() > end) return body ?? null;
      await sleep(POLL_MS);
    }
  }

  async raise(id: string, name: string, data: Json): Promise<Answer> {
    const headers = { 'content-type': 'application/json' };
    return this.http(`raise ${name}`, 'POST', `instances/${id}/raiseEvent/${name}`, JSON.stringify(data), headers);
  }

  async http(
    label: string,
    method: string,
    url: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<Answer> {
    const answer = await this.o.http(method, url, body, headers);
    const { status, headers: kept } = answer;
    const content = answer.body === undefined ? { text: answer.text ?? '' } : { body: answer.body };
    this.steps.push({
      label,
      request: { method, url, ...(body === undefined ? {} : { body }) },
      status,
      headers: kept,
      ...content,
    });
    return answer;
  }

  note_(label: string, value: Json): void {
    this.steps.push({ label, value: value ?? null });
  }

  /** The recording: final statuses are read now. */
  async finish(): Promise<JsonObject> {
    const finals: JsonObject = {};
    for (const id of this.ids) {
      const query = 'showHistory=true&showHistoryOutput=true&showInput=true';
      const answer = await this.o.http('GET', `instances/${encodeURIComponent(id)}?${query}`);
      const content = answer.body === undefined ? { text: answer.text ?? '' } : { body: answer.body };
      finals[id] = { httpStatus: answer.status, headers: answer.headers, ...content };
    }
    return { scenario: this.name, note: this.note, steps: this.steps, invocations: [], finals };
  }
}

/** Connection settings of the real extension's storage; this host keeps its history itself. */
export function storage(): Json {
  return null;
}

/** Recordings of this host hold no secrets and are compared as they are. */
export function scrub(recording: JsonObject): JsonObject {
  return recording;
}

export function thin(recording: JsonObject): JsonObject {
  return recording;
}

export function format(recording: JsonObject): string {
  return JSON.stringify(recording);
}
