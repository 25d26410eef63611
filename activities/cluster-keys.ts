import { bootstrapData } from '#domain/cluster-api/bundle.ts';
import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import { done } from '#domain/outcome.ts';
import type { Secret } from '#domain/secret.ts';
import type { KeySecretName } from '#kubernetes/pki/keys.ts';
import { defineActivity } from './define.ts';
import { outputsOf, planAsBuilt } from './record.ts';
import type { Work } from './runtime.ts';

/** Generates the cluster's key pairs once; a repeated call keeps those of the first. */
defineActivity('createKeys', async (work) => {
  const { generateClusterKeys, keySecretNames, serializeClusterKeys } = await import('#kubernetes/pki/keys.ts');
  const { keySecret } = await import('#kubernetes/pki/stored-keys.ts');
  const azure = await work.azure();
  const plan = await work.plan();
  const missing: KeySecretName[] = [];
  for (const name of keySecretNames) {
    if ((await azure.secrets.get(keySecret(plan.secretPrefix, name))) === undefined) missing.push(name);
  }
  if (missing.length > 0) {
    // Several pairs may exist from an interrupted run: those stay, only the missing ones are stored.
    const secrets = serializeClusterKeys(await generateClusterKeys(Date.now()));
    for (const name of missing) {
      await azure.secrets.setIfAbsent(keySecret(plan.secretPrefix, name), secrets[name], {
        'capstan-cluster': plan.name,
        'capstan-uid': plan.uid,
      });
    }
  }
  return done({}, 'CA, etcd CA, front-proxy CA and service-account keys are in Key Vault');
});

/**
 * The key pairs as Key Vault has them. They never leave this process. A name of Key Vault is used once, so what was read
 * stays right; it is kept for minutes, because every call to the cluster needs it.
 */
export async function loadKeys(work: Work): Promise<ClusterKeys> {
  const { secretPrefix } = await work.plan();
  const now = Date.now();
  const known = kept.get(secretPrefix);
  if (known !== undefined && known.until > now) return known.keys;
  const keys = readKeys(work, secretPrefix);
  keys.catch(() => kept.delete(secretPrefix));
  if (kept.size >= keptClusters) kept.delete(kept.keys().next().value ?? '');
  kept.set(secretPrefix, { keys, until: now + keptMilliseconds });
  return keys;
}

const kept = new Map<string, { readonly keys: Promise<ClusterKeys>; readonly until: number }>();
const keptClusters = 64;
const keptMilliseconds = 300_000;

async function readKeys(work: Work, secretPrefix: string): Promise<ClusterKeys> {
  const { loadClusterKeys } = await import('#kubernetes/pki/stored-keys.ts');
  const azure = await work.azure();
  return loadClusterKeys((name) => azure.secrets.get(name), secretPrefix);
}

/** What Azure gave the cluster: the identity's client id, and the public addresses of the cluster itself. */
export async function observedAzure(work: Work): Promise<ObservedAzure> {
  const outputs = await outputsOf(work);
  const clientId = outputs['identity']?.['clientId'];
  if (clientId === undefined) throw new Error('the identity step has not recorded the client id');
  const addresses = ['apiPublicIp', 'natGatewayPublicIp']
    .map((key) => outputs[key]?.['ipAddress'])
    .filter((address) => address !== undefined);
  return { identityClientId: clientId, clusterAddresses: addresses };
}

/** Cloud-init of the first control-plane machine. */
export async function bootstrapUserData(work: Work): Promise<Secret> {
  return bootstrapData({
    plan: await planAsBuilt(work),
    observed: await observedAzure(work),
    keys: await loadKeys(work),
  });
}
