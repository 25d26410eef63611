import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { AzureForMachines, BootedMachine } from '#local/azure/machines.ts';
import { parseUserData } from './cloud-init.ts';
import { issueCertificate, type KeyPair } from './pki.ts';

const script = '/usr/local/sbin/capstan-relay';
const settings = '/etc/capstan/relay.conf';

/**
 * SHA-256 of the one script that a simulated machine really runs on this computer. User data comes from callers: any
 * other text under that name is not run.
 */
const knownScript = '862409cab764e71612af7ab5b74d911655d6779b211a354375a1acb8c9197632';

/** What the settings may hold: the script reads them as shell. */
const plainSettings = /^CONTAINER=https:\/\/[a-z0-9.-]+\/[a-z0-9-]+\nAPI_HOST=[a-z0-9.-]+\n$/;

/** Ends the script when this process is gone, however it went: its end of the pipe closes then. */
const wrapper = 'exec 3<&0; { cat <&3 >/dev/null; kill -9 -- -$$; } & exec bash "$0"';

export interface Relay {
  stop(): void;
}

/** A control-plane machine whose cloud-init brought the relay. */
export interface RelayedMachine {
  readonly machine: BootedMachine;
  readonly authority: KeyPair;
  readonly port: number;
}

/**
 * Runs the machine's relay with bash, its files below a folder of their own. The machine's way to Azure is the gateway, as
 * an HTTP proxy that knows which machine asks.
 *
 * @returns undefined when the user data has no relay, or not the known one
 */
export async function startRelay(
  { machine, authority, port }: RelayedMachine,
  azure: AzureForMachines,
  directory: string,
): Promise<Relay | undefined> {
  const { files } = parseUserData(machine.customData, machine.computerName);
  const text = files.get(script)?.content;
  const configuration = files.get(settings)?.content ?? '';
  if (text === undefined || !plainSettings.test(configuration)) return undefined;
  if (createHash('sha256').update(text).digest('hex') !== knownScript) return undefined;
  const root = path.join(directory, 'relays', createHash('sha256').update(machine.id).digest('hex').slice(0, 16));
  const write = (name: string, content: string): void => {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true, mode: 0o700 });
    writeFileSync(path.join(root, name), content, { mode: 0o600 });
  };
  for (const [name, { content }] of files) if (name.startsWith('/etc/') || name === script) write(name, content);
  write('/var/lib/cloud/instance/user-data.txt', machine.customData);
  write('/etc/kubernetes/admin.conf', await adminKubeconfig(configuration, authority));
  const proxy = new URL(azure.gatewayUrl);
  proxy.username = encodeURIComponent(machine.id);
  const child = spawn('bash', ['-c', wrapper, path.join(root, script)], {
    env: {
      PATH: process.env['PATH'] ?? '',
      http_proxy: proxy.href,
      https_proxy: proxy.href,
      CURL_CA_BUNDLE: (await azure.certificateFile?.()) ?? '',
      CAPSTAN_RELAY_ROOT: root,
      CAPSTAN_RELAY_API: `127.0.0.1:${port}`,
      CAPSTAN_RELAY_PAUSE: '0.1',
      CAPSTAN_RELAY_MACHINE: machine.computerName,
    },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without bash the relay is silent, as it would be on a machine without it.
  child.on('error', () => undefined);
  const atExit = (): void => end(child);
  process.once('exit', atExit);
  return {
    stop() {
      process.off('exit', atExit);
      end(child);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Ends the script and what it has started. */
function end(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** kubeadm's admin.conf, as far as it is read. */
async function adminKubeconfig(configuration: string, authority: KeyPair): Promise<string> {
  const host = /API_HOST=(.+)/.exec(configuration)?.[1] ?? '';
  const client = await issueCertificate(authority, {
    commonName: 'kubernetes-admin',
    organization: 'system:masters',
    usage: 'client',
    days: 365,
  });
  const base64 = (value: string): string => Buffer.from(value).toString('base64');
  const cluster = { server: `https://${host}:6443`, 'certificate-authority-data': base64(authority.certificate) };
  const user = { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) };
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kubernetes', cluster }],
    users: [{ name: 'kubernetes-admin', user }],
    contexts: [{ name: 'kubernetes-admin@kubernetes', context: { cluster: 'kubernetes', user: 'kubernetes-admin' } }],
    'current-context': 'kubernetes-admin@kubernetes',
  };
  return stringify(document, { lineWidth: 0 });
}
