import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { z } from 'zod';

/** One file that cloud-init writes. */
export interface WrittenFile {
  readonly path: string;
  readonly content: string;
  readonly permissions: string;
}

/** User data as cloud-init understood it. */
export interface UserData {
  readonly files: ReadonlyMap<string, WrittenFile>;
  /** `runcmd`, each as one shell line, in order. */
  readonly commands: readonly string[];
  /** Block devices that disk_setup and fs_setup touch, for example /dev/disk/azure/scsi1/lun0. */
  readonly devices: readonly string[];
  /** Mount points. */
  readonly mounts: readonly string[];
  readonly users: readonly string[];
  /** Keys that this cloud-init does not model; they are named on the serial console. */
  readonly ignored: readonly string[];
}

/** Thrown for user data that cloud-init cannot use; the message is for the serial console. */
export class UserDataProblem extends Error {}

const shellCommand = z.union([
  z.string(),
  z.array(z.union([z.string(), z.number()]).transform(String)).transform((words) => words.join(' ')),
]);
const schema = z.looseObject({
  write_files: z
    .array(
      z.looseObject({
        path: z.string(),
        content: z.string().default(''),
        encoding: z.string().optional(),
        permissions: z.union([z.string(), z.number()]).transform(String).default('0644'),
        append: z.boolean().default(false),
      }),
    )
    .default([]),
  bootcmd: z.array(shellCommand).default([]),
  runcmd: z.array(shellCommand).default([]),
  disk_setup: z.record(z.string(), z.unknown()).default({}),
  fs_setup: z.array(z.looseObject({ device: z.string().optional() })).default([]),
  mounts: z.array(z.array(z.string())).default([]),
  users: z.array(z.union([z.string(), z.looseObject({ name: z.string().optional() })])).default([]),
});
const MODELLED = new Set([
  ...Object.keys(schema.shape),
  'ssh_authorized_keys',
  'ntp',
  'package_update',
  'hostname',
  'growpart',
  'resize_rootfs',
]);

/** Renders the jinja variables that Cluster API's bootstrap data uses; anything else is refused, as cloud-init would. */
export function renderTemplate(text: string, hostName: string): string {
  const rendered = text
    .replace(/\{\{\s*ds\.meta_data(?:\.local_hostname|\[["']local_hostname["']\])\s*\}\}/g, hostName)
    .replace(/\{\{\s*v1\.local_hostname\s*\}\}/g, hostName);
  const left = /\{\{[^}]*\}\}|\{%[^%]*%\}/.exec(rendered);
  if (left !== null) {
    throw new UserDataProblem(
      `Failed to render user data: jinja expression ${left[0]} names a variable that the instance metadata does not have`,
    );
  }
  return rendered;
}

/**
 * Parses cloud-init user data: the `## template: jinja` header, `#cloud-config`, write_files (plain, base64, gzip), runcmd,
 * users, disk_setup, fs_setup and mounts.
 *
 * @throws {UserDataProblem} with the line that cloud-init would log
 */
export function parseUserData(text: string, hostName: string): UserData {
  const isTemplate = /^##\s*template:\s*jinja\s*\n/.test(text);
  const rendered = isTemplate ? renderTemplate(text.replace(/^.*\n/, ''), hostName) : text;
  if (!rendered.startsWith('#cloud-config')) {
    const first = rendered.split('\n', 1)[0] ?? '';
    throw new UserDataProblem(`Unhandled non-multipart (text/x-not-multipart) userdata: '${first.slice(0, 40)}...'`);
  }
  let document: unknown;
  try {
    document = parse(rendered) ?? {};
  } catch (error) {
    throw new UserDataProblem(
      `Failed loading yaml blob. Invalid format: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`,
    );
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UserDataProblem(`Invalid cloud-config: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const config = parsed.data;
  const files = new Map<string, WrittenFile>();
  for (const file of config.write_files) {
    const content = decode(file.path, file.content, file.encoding);
    const before = file.append ? (files.get(file.path)?.content ?? '') : '';
    files.set(file.path, { path: file.path, content: before + content, permissions: file.permissions });
  }
  return {
    files,
    commands: [...config.bootcmd, ...config.runcmd],
    devices: [
      ...Object.keys(config.disk_setup),
      ...config.fs_setup.flatMap((entry) => (entry.device === undefined ? [] : [entry.device])),
    ],
    mounts: config.mounts.flatMap((entry) => (entry[1] === undefined ? [] : [entry[1]])),
    users: config.users.flatMap((user) =>
      typeof user === 'string' ? [user] : user.name === undefined ? [] : [user.name],
    ),
    ignored: Object.keys(config).filter((name) => !MODELLED.has(name)),
  };
}

function decode(path: string, content: string, encoding: string | undefined): string {
  const kind = (encoding ?? 'text/plain').toLowerCase();
  try {
    if (['text/plain', ''].includes(kind)) return content;
    if (['b64', 'base64'].includes(kind)) return Buffer.from(content, 'base64').toString();
    if (['gz+b64', 'gzip+base64', 'gz+base64', 'gzip+b64'].includes(kind))
      return gunzipSync(Buffer.from(content, 'base64')).toString();
  } catch {
    throw new UserDataProblem(`write_files: content of ${path} cannot be decoded as ${kind}`);
  }
  throw new UserDataProblem(`write_files: unknown encoding ${kind} of ${path}`);
}
