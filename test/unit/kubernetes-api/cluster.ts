import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { createSimulatedApi, type SimulatedApiServer } from '#local/kubernetes/api/index.ts';
import { type Authority, createAuthority } from './pki.ts';

export interface TestCluster {
  readonly api: SimulatedApiServer;
  readonly port: number;
  readonly authority: Authority;
  readonly directory: string;
  kubeConfig(user?: string, groups?: readonly string[]): Promise<KubeConfig>;
  /** Writes a kubeconfig file and returns its path. */
  kubeConfigFile(user?: string, groups?: readonly string[]): Promise<string>;
  close(): void;
}

/** A cluster with one HTTPS endpoint in a temporary directory. */
export async function startCluster(): Promise<TestCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-api-'));
  const authority = await createAuthority();
  const api = createSimulatedApi({
    file: join(directory, 'cluster.db'),
    kubernetesVersion: 'v1.33.4',
    now: () => Date.now(),
  });
  const { port } = await api.listen(await authority.server());
  const kubeConfig = async (
    user = 'kubernetes-admin',
    groups: readonly string[] = ['system:masters'],
  ): Promise<KubeConfig> => {
    const { cert, key } = await authority.client(user, groups);
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [
        {
          name: 'c',
          server: `https://127.0.0.1:${port}`,
          caData: Buffer.from(authority.caPem).toString('base64'),
          skipTLSVerify: false,
        },
      ],
      users: [
        { name: 'u', certData: Buffer.from(cert).toString('base64'), keyData: Buffer.from(key).toString('base64') },
      ],
      contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
      currentContext: 'x',
    });
    return config;
  };
  return {
    api,
    port,
    authority,
    directory,
    kubeConfig,
    async kubeConfigFile(user, groups) {
      const path = join(directory, `kubeconfig-${user ?? 'admin'}`);
      writeFileSync(path, (await kubeConfig(user, groups)).exportConfig());
      return path;
    },
    close() {
      api.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
