import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const root = path.join(import.meta.dirname, '../..');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');

const source = z.strictObject({
  url: z.url({ protocol: /^https$/, error: 'must be an https URL' }),
  /** Of the downloaded bytes; absent until `pin` has recorded it. */
  sha256: sha256.optional(),
});

const component = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9-]+$/),
    version: z.string().min(1),
    file: z.string().regex(/^[a-z0-9-]+\.yaml$/),
    namespace: z.string().min(1),
    /** Released manifests, joined in this order. */
    sources: z.array(source).min(1).optional(),
    /** A file of this repository in place of a download. */
    bundled: z.string().optional(),
    /** A file of this repository that is put behind the released manifests. */
    append: z.string().optional(),
  })
  .refine((pin) => (pin.sources === undefined) !== (pin.bundled === undefined), 'needs either sources or bundled');

const pinFile = z
  .strictObject({
    /** The only hosts that a download may touch, redirects included. */
    hosts: z.array(z.string().regex(/^[a-z0-9.-]+$/)).min(1),
    components: z.array(component).min(1),
  })
  .superRefine((pins, context) => {
    for (const { name, sources = [] } of pins.components) {
      for (const { url } of sources) {
        if (!pins.hosts.includes(new URL(url).host))
          context.addIssue({ code: 'custom', message: `${name}: ${url} is on no host of the list` });
      }
    }
  });

export type Pins = z.output<typeof pinFile>;
export type Pin = Pins['components'][number];

/** The committed pin file. */
export const pinPath = path.join(import.meta.dirname, 'pins.json');

/** Reads and checks a pin file. Throws with every problem when it is not right. */
export function readPins(file: string = pinPath): Pins {
  return parsePins(JSON.parse(readFileSync(file, 'utf8')));
}

/** Checks the content of a pin file. */
export function parsePins(content: unknown): Pins {
  const parsed = pinFile.safeParse(content);
  if (!parsed.success) throw new Error(`the pin file is not right: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** A file of this repository that a pin names. */
export function ownFile(name: string): Buffer {
  return readFileSync(path.join(root, name));
}
