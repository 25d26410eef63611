import { componentVersions } from '#domain/cluster-api/versions.ts';
import { parseManifest } from '#kubernetes/components/manifest.ts';
import { digest, download } from './download.ts';
import type { Fetch } from './download.ts';
import { ownFile } from './pins.ts';
import type { Pin, Pins } from './pins.ts';
import type { Target } from './target.ts';

/** What every command works with. */
export interface Workshop {
  readonly pins: Pins;
  readonly fetch: Fetch;
  readonly say: (line: string) => void;
  /** Only this component. */
  readonly only?: string;
}

/** `index.json` beside the manifests: what the app reads to know what to install, and the digest of each file. */
interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly file: string;
  readonly namespace: string;
  readonly order: number;
  readonly sha256: string;
}

function chosen({ pins, only }: Workshop): readonly Pin[] {
  const found = pins.components.filter((pin) => only === undefined || pin.name === only);
  if (found.length === 0)
    throw new Error(`no component ${only ?? ''}; there are: ${pins.components.map((pin) => pin.name).join(', ')}`);
  return found;
}

/**
 * Downloads the released manifests, checks each against its SHA-256, and puts them into the target; `index.json` goes
 * last, so that a broken pull changes nothing for the app. A source without a recorded digest is refused.
 */
export async function pull(workshop: Workshop, target: Target): Promise<void> {
  const contents = new Map<string, Buffer>();
  for (const pin of chosen(workshop)) contents.set(pin.name, await assemble(workshop, pin));
  for (const pin of chosen(workshop)) {
    const content = contents.get(pin.name);
    if (content === undefined) continue;
    await target.write(pin.file, content);
    workshop.say(`${pin.file}  ${pin.version}  ${content.length} bytes  sha256 ${digest(content)}`);
  }
  const entries: IndexEntry[] = [];
  for (const [position, pin] of workshop.pins.components.entries()) {
    const content = contents.get(pin.name) ?? (await target.read(pin.file));
    if (content === undefined)
      throw new Error(`${pin.file} is not in ${target.title} yet: pull all components once, without --only`);
    const title = componentVersions.find((entry) => entry.name === pin.name)?.title ?? pin.name;
    const { name, version, file, namespace } = pin;
    entries.push({ name, version, title, file, namespace, order: position + 1, sha256: digest(content) });
  }
  const index = Buffer.from(`${JSON.stringify(entries, null, 2)}\n`);
  await target.write('index.json', index);
  workshop.say(`index.json  ${entries.length} components in ${target.title}  sha256 ${digest(index)}`);
}

/** One line per component: version, where it comes from, whether its digests are recorded, how the target stands. */
export async function list(workshop: Workshop, target: Target): Promise<void> {
  const index = await readIndex(target);
  for (const pin of chosen(workshop)) {
    const from = pin.sources === undefined ? 'this repository' : new URL(pin.sources[0]?.url ?? '').host;
    const pinned = (pin.sources ?? []).every((source) => source.sha256 !== undefined) ? 'pinned' : 'not pinned yet';
    const state = await stateOf(target, pin, index);
    workshop.say(`${pin.name}  ${pin.version}  ${from}  ${pinned}  ${state ?? 'as pulled'}`);
  }
}

/**
 * Compares what the target holds with `index.json` and the pins: files that are missing, were changed since they
 * were pulled, have another version than the pin, or cannot be read as manifests. Returns the problems.
 */
export async function verify(workshop: Workshop, target: Target): Promise<readonly string[]> {
  const index = await readIndex(target);
  const problems: string[] = [];
  for (const pin of chosen(workshop)) {
    const state = await stateOf(target, pin, index);
    if (state !== undefined) problems.push(`${pin.file}: ${state}`);
    const content = await target.read(pin.file);
    try {
      if (content !== undefined) parseManifest(content.toString('utf8'), pin.file);
    } catch (error) {
      problems.push(`${pin.file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const problem of problems) workshop.say(problem);
  workshop.say(problems.length === 0 ? `${target.title} is right` : `${target.title}: ${problems.length} problems`);
  return problems;
}

/**
 * Downloads every source and returns the pins with its digest: run where the release sites are reachable, when a
 * version was changed; the difference is reviewed and committed. A digest that is there already must still be met.
 */
export async function pin(workshop: Workshop): Promise<Pins> {
  const names = new Set(chosen(workshop).map((component) => component.name));
  const components: Pin[] = [];
  for (const component of workshop.pins.components) {
    if (!names.has(component.name) || component.sources === undefined) {
      components.push(component);
      continue;
    }
    const sources = [];
    for (const source of component.sources) {
      const found = digest(await download(source.url, workshop.pins.hosts, workshop.fetch));
      checkDigest(source.url, source.sha256 ?? found, found);
      workshop.say(`${source.url}  sha256 ${found}`);
      sources.push({ ...source, sha256: found });
    }
    components.push({ ...component, sources });
  }
  return { ...workshop.pins, components };
}

async function assemble(workshop: Workshop, component: Pin): Promise<Buffer> {
  if (component.bundled !== undefined) return ownFile(component.bundled);
  const parts: Buffer[] = [];
  for (const { url, sha256 } of component.sources ?? []) {
    if (sha256 === undefined)
      throw new Error(
        `${component.name}: ${url} has no SHA-256 in the pin file; run "npm run components -- pin --only ${component.name}", review and commit it`,
      );
    const content = await download(url, workshop.pins.hosts, workshop.fetch);
    checkDigest(url, sha256, digest(content));
    parts.push(content);
  }
  if (component.append !== undefined) parts.push(ownFile(component.append));
  const [only, ...others] = parts;
  return only !== undefined && others.length === 0
    ? only
    : Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n---\n')]).slice(0, -1));
}

function checkDigest(url: string, expected: string, found: string): void {
  if (expected !== found)
    throw new Error(`${url} has SHA-256 ${found}, the pin says ${expected}: the release was changed, or the way to it`);
}

async function readIndex(target: Target): Promise<readonly Partial<IndexEntry>[]> {
  const content = await target.read('index.json');
  const parsed: unknown = content === undefined ? [] : JSON.parse(content.toString('utf8'));
  return Array.isArray(parsed) ? (parsed as Partial<IndexEntry>[]) : [];
}

/** What is wrong with a component in the target; undefined when it is as it was pulled. */
async function stateOf(
  target: Target,
  component: Pin,
  index: readonly Partial<IndexEntry>[],
): Promise<string | undefined> {
  const content = await target.read(component.file);
  const entry = index.find((candidate) => candidate.name === component.name);
  if (content === undefined) return 'missing: run npm run components -- pull';
  if (entry === undefined) return 'not named in index.json';
  if (entry.version !== component.version)
    return `is ${entry.version ?? 'of no version'}, the pin ${component.version}`;
  if (entry.sha256 === undefined) return 'has no digest in index.json: not pulled (a stand-in of the local run?)';
  return entry.sha256 === digest(content) ? pinMismatch(component, content) : 'was changed since it was pulled';
}

/** A file of one source must be what the pin says; of several, each was checked when it was pulled. */
function pinMismatch(component: Pin, content: Buffer): string | undefined {
  const [only, ...others] = component.sources ?? [];
  const expected =
    component.bundled !== undefined
      ? digest(ownFile(component.bundled))
      : others.length === 0 && component.append === undefined
        ? only?.sha256
        : undefined;
  return expected === undefined || expected === digest(content) ? undefined : 'is not what the pin says';
}
