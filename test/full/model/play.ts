import { CapstanFailure } from '#domain/errors/error.ts';
import { errorEntry, errorRegistry } from '#domain/errors/registry.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import type { ClusterHead, Phase, RequestRecord } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { isOlder } from '#domain/spec/diff.ts';
import { applyCluster } from '#services/apply.ts';
import { cancelOperation } from '#services/cancel.ts';
import { checkCluster } from '#services/check.ts';
import { deleteClusterByName } from '#services/delete.ts';
import { planManaged } from '#services/managed-plan.ts';
import { planDocument } from '#services/plan.ts';
import { canonicalJson } from '#store/documents.ts';
import type { VirtualProcess, VirtualWorld } from '../../support/virtual.ts';
import { appPrincipal } from '../azure/cells.ts';
import { cluster, createdTwice, leftovers, prepare, storyOf } from '../azure/matrix.ts';
import { type Edit, sentenceOf, type Step } from './steps.ts';
import type { Subject } from './subject.ts';

const phases: ReadonlySet<Phase> = new Set([
  'Accepted',
  'Provisioning',
  'Ready',
  'Updating',
  'Failed',
  'Deleting',
  'Deleted',
]);

/**
 * Ends of an operation that a life without troubles of Azure's may have: cancelled, no way back from a newer version, a
 * first machine that was made from another document.
 */
const ordinaryFailures: ReadonlySet<string> = new Set(['CAP-9005', 'CAP-6008', 'CAP-4204']);

/** Seconds within which a cluster heals what somebody did to it. */
const healing = 2 * 3600;

/** What came of a life; thrown errors name what is wrong. */
export interface Life {
  /** What happened, line by line. */
  readonly story: readonly string[];
  /** How many comparisons were made. */
  readonly settled: number;
}

/** Plays the steps in a world of their own. @throws Error with the story when something does not hold */
export async function play(
  virtual: VirtualProcess,
  subject: Subject,
  steps: readonly Step[],
  seed: string,
): Promise<Life> {
  const { world, before } = await prepare(virtual, seed);
  const player = new Player(virtual, world, subject, before);
  try {
    for (const step of steps) await player.step(step);
    await player.end();
    return { story: player.story, settled: player.comparisons };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const told = player.story.map((line) => `  ${line}`).join('\n');
    throw new Error(`${message}\n${told}\n${await storyOf(world)}`, { cause: error });
  } finally {
    await world.close();
  }
}

class Player {
  readonly story: string[] = [];
  comparisons = 0;
  readonly #virtual: VirtualProcess;
  readonly #world: VirtualWorld;
  readonly #subject: Subject;
  readonly #before: readonly string[];
  readonly #began: number;
  /** The document that was asked for last. */
  #document: AnyDocument;
  readonly #asked = new Map<string, AnyDocument>();
  /** Somebody changed the cluster since it was last found as the document says. */
  #edited = false;
  #crash: { calls: number; away: number; edit: Edit | undefined } | undefined;
  #crashed = false;

  constructor(virtual: VirtualProcess, world: VirtualWorld, subject: Subject, before: readonly string[]) {
    this.#virtual = virtual;
    this.#world = world;
    this.#subject = subject;
    this.#before = before;
    this.#began = virtual.now();
    this.#document = subject.first();
    world.host.onActivity(async (_call, run) => {
      const outcome = await run();
      // The work is done, and nobody has written down that it is.
      if (this.#crash !== undefined && !this.#crashed && --this.#crash.calls < 0) {
        this.#crashed = true;
        world.host.goAway();
      }
      return outcome;
    });
  }

  async step(step: Step): Promise<void> {
    this.#tell(sentenceOf(step));
    if (step.do === 'apply') await this.#apply(step);
    else if (step.do === 'delete') await this.#delete();
    else if (step.do === 'cancel') await this.#cancel(step.leave);
    else if (step.do === 'edit') await this.#edit(step.edit);
    else if (step.do === 'check') await this.#check();
    else if (step.do === 'pass') await this.#pass(step.seconds);
    else if (step.do === 'settle') await this.#settled();
    else await this.#plan(step);
    await this.#defined();
  }

  /** Brings the life to its end: what was begun comes about, and a deletion leaves nothing. */
  async end(): Promise<void> {
    await this.#settled();
    const head = await this.#head();
    if (head === undefined) return;
    if (head.phase === 'Failed' && head.operation.kind !== 'delete') {
      this.#tell('applied again');
      await this.#again();
    }
    if ((await this.#head())?.phase === 'Failed' && head.operation.kind !== 'delete') await this.#forward();
    await this.#delete();
    await this.#settled();
    const last = await this.#head();
    if (last?.phase === 'Failed' && last.operation.kind === 'delete') {
      await this.#delete();
      await this.#settled();
    }
    const { phase } = (await this.#head()) ?? {};
    if (phase !== 'Deleted') throw new Error(`the deletion ended in phase ${phase}`);
    this.#writers();
  }

  #tell(what: string): void {
    const seconds = Math.round((this.#virtual.now() - this.#began) / 1000);
    this.story.push(`${String(seconds).padStart(6)} s  ${what}`);
  }

  async #head(): Promise<ClusterHead | undefined> {
    return (await this.#world.store.clusters.head(cluster))?.value;
  }

  async #recorded({ documentSha }: ClusterHead): Promise<AnyDocument> {
    return withDefaults(await this.#world.store.documents.getContent<AnyDocument>(documentSha));
  }

  /** Lets the app come back when it is away; a step that needs it waits for that. */
  async #present(): Promise<void> {
    if (!this.#crashed || this.#crash === undefined) return;
    const { away, edit } = this.#crash;
    this.#tell(`the app died, and is away for ${away} s`);
    if (edit !== undefined) await this.#edit(edit);
    if (away > 0) await this.#until(away);
    this.#crash = undefined;
    this.#crashed = false;
    this.#world.host.comeBack();
  }

  async #until(seconds: number): Promise<void> {
    const end = this.#virtual.now() + seconds * 1000;
    await this.#world.until(() => this.#virtual.now() >= end, 'time to pass', seconds + 120);
  }

  async #pass(seconds: number): Promise<void> {
    const end = this.#virtual.now() + seconds * 1000;
    await this.#world.until(() => this.#virtual.now() >= end || this.#crashed, 'time to pass', seconds + 120);
    await this.#present();
  }

  async #apply({ changes, queue }: Extract<Step, { do: 'apply' }>): Promise<void> {
    await this.#present();
    const before = await this.#head();
    const base = before === undefined || before.phase === 'Deleted' ? this.#subject.first() : this.#document;
    const wanted = changes.reduce((document, change) => this.#subject.changed(document, change), base);
    const record = await this.#send(wanted, queue ? 'queue' : 'refuse');
    this.#tell(`→ ${record.outcome} ${record.error?.code ?? record.operationId ?? ''}`);
    if (record.error !== undefined) return this.#refused(record, before, wanted);
    this.#document = wanted;
    this.#asked.set(record.requestId, wanted);
  }

  async #send(document: AnyDocument, onConflict: 'queue' | 'refuse' = 'refuse'): Promise<RequestRecord> {
    const { length } = this.story;
    return applyCluster(this.#world.dependencies, `request-${length}`, document, onConflict);
  }

  async #refused({ error }: RequestRecord, before: ClusterHead | undefined, wanted: AnyDocument): Promise<void> {
    if (error === undefined || before === undefined) throw new Error(`refused: ${error?.code} ${error?.message}`);
    if (!(error.code in errorRegistry)) throw new Error(`refused with the unknown code ${error.code}`);
    const busy = before.operation.state !== 'finished' || before.operation.kind === 'delete';
    if (error.code === 'CAP-1009' && busy) return;
    const older = isOlder(wanted.spec.kubernetes.version, (await this.#recorded(before)).spec.kubernetes.version);
    if (error.code === 'CAP-1008' && older) return;
    if (error.code === 'CAP-1010' && this.#subject.refuses?.(await this.#recorded(before), wanted) === true) return;
    throw new Error(`refused for no reason: ${error.code} ${error.message} ${error.cause ?? ''}`);
  }

  async #delete(): Promise<void> {
    await this.#present();
    if ((await this.#head()) === undefined) return;
    const record = await deleteClusterByName(this.#world.dependencies, `request-${this.story.length}`, cluster);
    if (record.error !== undefined) throw new Error(`the deletion is refused: ${record.error.code}`);
    this.#tell('→ deleted');
  }

  async #cancel(then: 'keep' | 'delete'): Promise<void> {
    await this.#present();
    const head = await this.#head();
    if (head === undefined || head.operation.state === 'finished' || head.operation.kind === 'delete') return;
    await cancelOperation(this.#world.store, head.operation.id, then);
    this.#tell('→ asked to stop');
  }

  async #edit(edit: Edit): Promise<void> {
    const done = await this.#subject.edit(this.#world, edit);
    if (done === undefined) return;
    this.#edited = true;
    this.#tell(`→ ${done}`);
  }

  async #check(): Promise<void> {
    await this.#present();
    const head = await this.#head();
    const busy = head === undefined || head.operation.state !== 'finished' || head.operation.kind === 'delete';
    if (busy || head.observedGeneration === 0) return;
    const { findings, repair } = await checkCluster(this.#world.dependencies, cluster);
    this.#tell(`→ ${findings.length} findings${repair === undefined ? '' : `, ${repair}`}`);
  }

  /** The app dies later, within an activity, or now. */
  async #plan({ calls, away, edit }: Extract<Step, { do: 'crash' }>): Promise<void> {
    await this.#present();
    this.#crash = { calls: calls - 1, away, edit };
    if (calls > 0) return;
    this.#crashed = true;
    this.#world.host.goAway();
    await this.#present();
  }

  /** At every moment: a defined phase, and a status that can be read. */
  async #defined(): Promise<void> {
    const head = await this.#head();
    if (head === undefined) return;
    if (!phases.has(head.phase)) throw new Error(`the phase is ${head.phase}`);
    if ((await this.#world.status(cluster)) === undefined) throw new Error('there is no status');
  }

  /** Waits until nothing of Capstan's is left to do, and looks whether everything holds. */
  async #settled(): Promise<void> {
    await this.#rest();
    const head = await this.#head();
    if (head === undefined) return;
    this.comparisons++;
    this.#tell(`settled: ${head.phase} ${head.operation.error?.code ?? ''}`);
    const unmodelled = await this.#world.unmodelled();
    if (unmodelled.length > 0) throw new Error(`not modelled: ${JSON.stringify(unmodelled)}`);
    if (head.queue !== undefined && head.queue.length > 0) throw new Error('requests wait for nothing');
    await this.#answered(head);
    if (head.phase === 'Deleted') return this.#gone();
    if (head.phase === 'Failed') return failedWell(head);
    if (head.phase !== 'Ready') throw new Error(`at rest in phase ${head.phase}`);
    if (head.observedGeneration !== head.generation || head.readySha !== head.documentSha)
      throw new Error(`Ready, but generation ${head.generation} was observed as ${head.observedGeneration}`);
    await this.#agree();
  }

  async #rest(): Promise<void> {
    for (;;) {
      await this.#present();
      await this.#world.until(
        async () => this.#crashed || ((await this.#head())?.operation.state ?? 'finished') === 'finished',
        'the end of the operation',
        48 * 3600,
      );
      if (!this.#crashed) return;
    }
  }

  /** Every request has its answer, and the last accepted one is the document. */
  async #answered(head: ClusterHead): Promise<void> {
    let last: { readonly count: number; readonly document: AnyDocument } | undefined;
    for (const [id, document] of this.#asked) {
      const record = await this.#world.store.requests.get(id);
      if (record === undefined || record.outcome === 'queued' || record.outcome === 'pending')
        throw new Error(`nobody has answered ${id}: ${record?.outcome}`);
      if (record.outcome !== 'accepted' || !record.operationId?.startsWith(`${cluster}-${head.uid.slice(0, 8)}-`))
        continue;
      const count = Number(record.operationId.split('-').at(-1));
      if (count > (last?.count ?? 0)) last = { count, document };
    }
    if (last === undefined) return;
    this.#document = await this.#recorded(head);
    if (canonicalJson(this.#document) !== canonicalJson(withDefaults(last.document)))
      throw new Error('the recorded document is not the one that was accepted last');
  }

  async #gone(): Promise<void> {
    this.#edited = false;
    const left = await leftovers(this.#world, this.#before);
    if (left !== '') throw new Error(left);
  }

  /** Ready: document, cluster and Azure say the same, at once when nobody else changed anything. */
  async #agree(): Promise<void> {
    const differences = async (edited: boolean) =>
      this.#whenItMay(async () => this.#subject.differences(this.#world, this.#document, edited));
    let found = await differences(false);
    // A drained machine's controllers start somewhere else, in their own time.
    for (let waited = 0; found.length > 0 && found.every(isStarting) && waited < 600; waited += 60) {
      await this.#until(60);
      await this.#rest();
      found = await differences(false);
    }
    if (this.#edited && found.length > 0) {
      // A check of a document that asks for it starts a repair.
      await this.#rest();
      for (let waited = 0; (found.length > 0 || waited === 0) && waited < healing; waited += 300) {
        await this.#until(300);
        await this.#rest();
        found = await differences(true);
      }
      const left = found.length === 0 ? await differences(false) : [];
      await this.#rest();
      if (found.length === 0 && left.length === 0) this.#edited = false;
      else if (found.length === 0 && this.#document.spec.reconcile === 'repair')
        throw new Error(`not repaired: ${left.join('; ')}`);
    } else this.#edited = false;
    if (found.length > 0) throw new Error(`Ready, but ${found.join('; ')}`);
    const head = await this.#head();
    if (head?.phase !== 'Ready') throw new Error(`a check ended in phase ${head?.phase}`);
    await this.#unchanged();
  }

  /** A plan of the same document changes nothing. */
  async #unchanged(): Promise<void> {
    const { config, store } = this.#world.dependencies;
    const document = this.#document;
    const { ok, update, create, change, resources, checks } = await this.#whenItMay(async () =>
      document.kind === 'Cluster' ? planDocument(config, store, document) : planManaged(config, store, document),
    );
    const changes = update?.changes.map(({ path }) => path) ?? ['there is no comparison'];
    const touched = resources
      .filter(({ action }) => action !== '=')
      .map(({ action, key, differs }) => `${action} ${key} ${differs?.join(',') ?? ''}`);
    if (
      !ok ||
      changes.length > 0 ||
      (create > 0 && !(this.#edited && this.#subject.editedMayBeMissing === true)) ||
      (change > 0 && !this.#edited)
    ) {
      const refused = checks.filter((check) => !check.ok).map(({ id }) => id);
      throw new Error(`a plan of the same document says: ${[...changes, ...touched, ...refused].join('; ')}`);
    }
  }

  /**
   * Many looks at the same moment use up what Azure's limits leave for looks, and a repair may have begun meanwhile:
   * people who are told so come back.
   */
  async #whenItMay<Value>(ask: () => Promise<Value>): Promise<Value> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        const code = error instanceof CapstanFailure ? error.error.code : undefined;
        if (attempt === 10 || (code !== 'CAP-9007' && code !== 'CAP-1009')) throw error;
        await this.#until(60);
        await this.#rest();
      }
    }
  }

  /** The same document again: it must come about now, or say why it cannot. */
  async #again(document = this.#document): Promise<void> {
    const { error, requestId } = await this.#send(document);
    if (error !== undefined) throw new Error(`refused: ${error.code} ${error.message} ${error.cause ?? ''}`);
    this.#asked.set(requestId, document);
    this.#document = document;
    await this.#settled();
  }

  /** Where a newer version has joined there is no way back: forward there is. */
  async #forward(): Promise<void> {
    const { error } = (await this.#head())?.operation ?? {};
    if (error?.code === 'CAP-4204') return;
    if (error?.code !== 'CAP-6008' || this.#subject.forward === undefined)
      throw new Error(`applied again it fails: ${error?.code} ${error?.message} ${error?.cause ?? ''}`);
    this.#tell('forward');
    await this.#again(this.#subject.forward(this.#document));
    if ((await this.#head())?.phase !== 'Ready') throw new Error('forward does not go either');
  }

  /** Nobody writes a machine of the cluster after its controllers have, and nothing is made twice. */
  #writers(): void {
    const requests = this.#world.requests();
    const twice = createdTwice(requests);
    if (twice !== undefined) throw new Error(`created twice: ${twice}`);
    const theirs = new Set<string>();
    for (const { service, method, path, status, caller } of requests) {
      const key = path.toLowerCase();
      if (service !== 'arm' || status >= 300 || !/(virtualmachines|networkinterfaces|disks)\/[^/]+$/.test(key))
        continue;
      if (method === 'DELETE') theirs.delete(key);
      if (method !== 'PUT') continue;
      if (caller !== appPrincipal) theirs.add(key);
      else if (theirs.has(key)) throw new Error(`two owners write ${path}`);
    }
  }
}

function isStarting(difference: string): boolean {
  return /^check: controller \S+ does not run: no replica is ready$/.test(difference);
}

function failedWell({ operation: { error } }: ClusterHead): void {
  if (error === undefined) throw new Error('Failed without an error');
  if (!(error.code in errorRegistry)) throw new Error(`the code ${error.code} is not registered`);
  if ((error.remedy ?? errorEntry(error.code).remedy) === '') throw new Error(`${error.code} has no remedy`);
  if (!ordinaryFailures.has(error.code))
    throw new Error(`Failed for no reason: ${error.code} ${error.message} · ${error.cause ?? ''}`);
}
