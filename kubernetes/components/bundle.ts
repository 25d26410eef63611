import { createHash } from 'node:crypto';
import { z } from 'zod';
import { componentVersions } from '#domain/cluster-api/versions.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { registered } from '../client/errors.ts';

const entry = z.object({
  name: z.string(),
  version: z.string(),
  title: z.string().optional(),
  file: z.string(),
  namespace: z.string(),
  order: z.number(),
  /** SHA-256 of the file, lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  provider: z
    .object({
      name: z.string(),
      type: z.enum([
        'CoreProvider',
        'BootstrapProvider',
        'ControlPlaneProvider',
        'InfrastructureProvider',
        'AddonProvider',
      ]),
    })
    .optional(),
});

/** `index.json` of the container `components`. */
const componentIndex = z.array(entry).min(1);

/** One component as the container has it: its row of the index and the text that the row's digest vouches for. */
export type BundledComponent = Omit<z.output<typeof entry>, 'sha256' | 'file'> & { readonly manifest: string };

export interface BundleSource {
  /** Text of a file of the container; undefined when it is not there. */
  read(name: string): Promise<string | undefined>;
  /** `CAPSTAN_COMPONENTS_SHA256`: digest that the index itself must have. */
  readonly indexSha256?: string | undefined;
}

/**
 * Reads the components that are to be installed. The index must name the releases this Capstan is made for, and have
 * the pinned digest when one is set; every file must have the digest that the index names. Nothing is applied before
 * all of it was checked.
 *
 * @returns an error (CAP-5001 when something is missing or cannot be read, CAP-5005 when something was changed)
 */
export async function readBundle(
  source: BundleSource,
): Promise<{ readonly components: readonly BundledComponent[] } | { readonly error: CapstanError }> {
  const text = await source.read('index.json');
  if (text === undefined) return { error: missing('index.json') };
  if (source.indexSha256 !== undefined && digest(text) !== source.indexSha256)
    return {
      error: changed(
        'index.json',
        `it has SHA-256 ${digest(text)}, CAPSTAN_COMPONENTS_SHA256 says ${source.indexSha256}`,
      ),
    };
  const index = parseIndex(text);
  if (index === undefined)
    return { error: registered('CAP-5001', 'container components, index.json', 'it is not an index with digests') };
  const foreign = index.find(({ name, version }) => pinned(name) !== undefined && pinned(name) !== version);
  if (foreign !== undefined)
    return {
      error: changed(
        foreign.file,
        `it is ${foreign.name} ${foreign.version}, the pin is ${pinned(foreign.name) ?? ''}`,
      ),
    };
  const absent = componentVersions.find(({ name }) => !index.some((row) => row.name === name));
  if (absent !== undefined) return { error: missing(`${absent.name} ${absent.version}`) };
  const components: BundledComponent[] = [];
  for (const { file, sha256, ...rest } of index) {
    const manifest = await source.read(file);
    if (manifest === undefined) return { error: missing(file) };
    const found = digest(manifest);
    if (found !== sha256) return { error: changed(file, `it has SHA-256 ${found}, index.json says ${sha256}`) };
    components.push({ ...rest, manifest });
  }
  return { components };
}

function parseIndex(text: string): z.output<typeof componentIndex> | undefined {
  try {
    return componentIndex.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function pinned(name: string): string | undefined {
  return componentVersions.find((component) => component.name === name)?.version;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function missing(what: string): CapstanError {
  return registered('CAP-5001', `container components, ${what}`, 'it is not there', 'A component manifest is missing');
}

function changed(file: string, cause: string): CapstanError {
  return registered('CAP-5005', `container components, ${file}`, cause);
}
