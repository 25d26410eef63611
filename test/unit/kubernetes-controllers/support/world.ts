import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import type { ApiClient, KubeObject } from '#local/kubernetes/contract.ts';
import { createMachineHost } from '#local/kubernetes/machines.ts';
import type { SimulatedMachines } from '#local/kubernetes/machines.ts';
import { cloudConfig, NAMESPACE, seedAzure, testPki } from './bundle.ts';
import { startFakeAzure } from './fake-azure.ts';
import type { FakeAzure } from './fake-azure.ts';

const COMPONENTS = join(import.meta.dirname, '../../../../local/components');

export interface Component {
  name: string;
  version: string;
  file: string;
  namespace: string;
  deployments: string[];
  order: number;
}

export function components(): Component[] {
  return JSON.parse(readFileSync(join(COMPONENTS, 'index.json'), 'utf8')) as Component[];
}

const PUBLISHED = join(import.meta.dirname, '../../../../../shared/reference/crds');

/** True where the published CRDs of Cluster API and CAPZ lie beside the project. */
export const hasPublishedCrds = existsSync(PUBLISHED);

/** The published CRD in place of our small one, when there is one. */
function published(document: KubeObject): KubeObject {
  if (document.kind !== 'CustomResourceDefinition') return document;
  const { group, names } = document['spec'] as { group: string; names: { plural: string } };
  const file = join(PUBLISHED, `${group}_${names.plural}.yaml`);
  return existsSync(file) ? (parse(readFileSync(file, 'utf8')) as KubeObject) : document;
}

export function manifests(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(join(COMPONENTS, file), 'utf8')).map(
    (document) => document.toJS() as KubeObject,
  );
}

/** Waits for a promise of the simulated world; wall-clock only bounds a hang. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false,
  details: () => string = () => '',
): Promise<T> {
  const end = Date.now() + 25_000;
  for (;;) {
    const found = probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited too long for: ${what}\n${details()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export type Anything = Record<string, any> & KubeObject;

export interface World {
  readonly azure: FakeAzure;
  machines: SimulatedMachines;
  readonly client: () => ApiClient;
  readonly get: (kind: string, name: string, namespace?: string) => Anything | undefined;
  readonly list: (kind: string, namespace?: string) => Anything[];
  readonly condition: (
    object: Anything | undefined,
    type: string,
  ) => { status: string; reason: string; message: string } | undefined;
  readonly install: (names?: readonly string[], crds?: 'own' | 'published') => Promise<void>;
  readonly events: () => string[];
  /** Kills the machines and starts them again; with `late` the VMs are not started again yet. */
  readonly restart: (late?: 'late') => void;
  readonly dump: () => string;
  readonly close: () => Promise<void>;
}

const VERSIONS: Record<string, string> = {
  Cluster: 'cluster.x-k8s.io/v1beta2',
  Machine: 'cluster.x-k8s.io/v1beta2',
  MachineDeployment: 'cluster.x-k8s.io/v1beta2',
  MachineSet: 'cluster.x-k8s.io/v1beta2',
  MachineHealthCheck: 'cluster.x-k8s.io/v1beta2',
  KubeadmControlPlane: 'controlplane.cluster.x-k8s.io/v1beta2',
  KubeadmConfig: 'bootstrap.cluster.x-k8s.io/v1beta2',
  AzureCluster: 'infrastructure.cluster.x-k8s.io/v1beta1',
  AzureMachine: 'infrastructure.cluster.x-k8s.io/v1beta1',
  Deployment: 'apps/v1',
  DaemonSet: 'apps/v1',
  Job: 'batch/v1',
};

/** A machine host over a fake Azure in which the first control-plane machine boots. */
export async function startWorld(
  options: { timeScale?: number; customData?: string; boot?: boolean } = {},
): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-machines-'));
  const azure = await startFakeAzure(options.timeScale ?? 1500);
  const host = (): SimulatedMachines => {
    const machines = createMachineHost(azure, { directory });
    azure.attach(machines);
    return machines;
  };
  seedAzure(azure, options.customData ?? cloudConfig(await testPki()));
  const world: World = {
    azure,
    machines: host(),
    client: () => world.machines.clusters()[0]!.api.client('test', ['system:masters']),
    get: (kind, name, namespace = NAMESPACE) =>
      world
        .client()
        .get({ apiVersion: VERSIONS[kind] ?? 'v1', kind, namespace: kind === 'Node' ? undefined : namespace, name }) as
        | Anything
        | undefined,
    list: (kind, namespace) =>
      world.client().list({
        apiVersion: VERSIONS[kind] ?? 'v1',
        kind,
        ...(namespace === undefined ? {} : { namespace }),
      }) as Anything[],
    condition: (object, type) =>
      object?.['status']?.conditions?.find((condition: { type: string }) => condition.type === type),
    install: (names, crds = 'own') => install(world, names, crds),
    events: () =>
      world
        .list('Event')
        .map(
          (event) =>
            `${event['involvedObject'].kind}/${event['involvedObject'].name} ${event['reason']}: ${event['message']}`,
        ),
    restart: (late) => {
      world.machines.close();
      world.machines = host();
      if (late === undefined) azure.bootAgain();
    },
    dump: () => describeWorld(world),
    close: async () => {
      world.machines.close();
      await azure.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  azure.bootAgain();
  if (options.boot !== false)
    await until(
      'the API server',
      () => world.machines.clusters().length > 0 && world.list('Node').length > 0,
      () => world.machines.serialConsole(firstVm(azure)),
    );
  return world;
}

function firstVm(azure: FakeAzure): string {
  return [...azure.resources.keys()].find((key) => /virtualmachines\/[^/]+$/.test(key)) ?? '';
}

async function install(world: World, names: readonly string[] | undefined, crds: 'own' | 'published'): Promise<void> {
  for (const component of components().filter((entry) => names?.includes(entry.name) ?? true)) {
    for (const own of manifests(component.file)) {
      const document = crds === 'own' ? own : published(own);
      await until(
        `${component.name}: ${document.kind} ${document.metadata.name}`,
        () => tryCreate(world, document),
        world.dump,
      );
    }
    for (const name of component.deployments) {
      await until(
        `Deployment ${name}`,
        () => world.condition(world.get('Deployment', name, component.namespace), 'Available')?.status === 'True',
        world.dump,
      );
    }
  }
}

function tryCreate(world: World, document: KubeObject): boolean {
  try {
    world.client().create(document);
    return true;
  } catch (error) {
    const { code } = (error as { status: { code: number } }).status;
    if (code === 409) return true;
    if (code === 500 || code === 404) return false;
    throw error;
  }
}

function describeWorld(world: World): string {
  const lines: string[] = [];
  for (const kind of [
    'Node',
    'Pod',
    'Deployment',
    'Cluster',
    'AzureCluster',
    'KubeadmControlPlane',
    'MachineDeployment',
    'Machine',
    'AzureMachine',
  ]) {
    for (const object of world.list(kind)) {
      const bad = (object['status']?.conditions ?? [])
        .filter((condition: any) => condition.status !== 'True' && condition.message)
        .map((condition: any) => `${condition.type}: ${condition.message}`);
      lines.push(`${kind}/${object.metadata.name} ${object['status']?.phase ?? ''} ${bad.join(' | ')}`);
    }
  }
  return [...lines, ...world.events().slice(-30), ...world.azure.writes.slice(-20)].join('\n');
}
