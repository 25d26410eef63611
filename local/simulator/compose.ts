import { join } from 'node:path';
import { createWallClock } from '#local/azure/clock.ts';
import type { Clock } from '#local/azure/clock.ts';
import type { DoorTargets } from '#local/azure/gateway/door.ts';
import { createDataPlaneFaults, isDataPlaneRule } from '#local/azure/gateway/faults.ts';
import type { DataPlaneFaults } from '#local/azure/gateway/faults.ts';
import { createGateway } from '#local/azure/gateway/gateway.ts';
import type { GatewayServices } from '#local/azure/gateway/gateway.ts';
import type { RequestLog } from '#local/azure/gateway/request-log.ts';
import { createGraphService } from '#local/azure/identity/graph.ts';
import type { GraphService } from '#local/azure/identity/graph.ts';
import { createLoginService } from '#local/azure/identity/login.ts';
import type { ServicePrincipal } from '#local/azure/identity/login.ts';
import { createManagedIdentityEndpoint } from '#local/azure/identity/managed-identity.ts';
import { createMetadataService } from '#local/azure/identity/metadata.ts';
import { createTokenIssuer } from '#local/azure/identity/tokens.ts';
import { openIds } from '#local/azure/ids.ts';
import { createRandom } from '#local/azure/random.ts';
import type { TokenIssuer } from '#local/azure/identity/tokens.ts';
import type { AzureForMachines, BootedMachine, MachineHost } from '#local/azure/machines.ts';
import type { AzureDirectory, AzureService, Principal, StorageDataPlane } from '#local/azure/service.ts';
import { createStorageFront } from '#local/azure/storage/front.ts';
import type { StorageFront } from '#local/azure/storage/front.ts';
import { seedStorage } from '#local/azure/storage/seed.ts';
import { createQueueService } from '#local/azure/storage/queue/service.ts';
import type { AccountService } from '#local/azure/storage/account-service.ts';
import { createTableService } from '#local/azure/storage/table/service.ts';
import { createVaultDataPlane } from '#local/azure/vault/vault.ts';
import type { VaultDataPlane } from '#local/azure/vault/vault.ts';

/** Fixed names of the seeded Azure. */
export const seededTenantId = '11111111-1111-4111-8111-111111111111';
/** Client id of the app's user-assigned identity. */
export const seededClientId = '33333333-3333-4333-8333-333333333333';
/**
 * An application for tools that sign in with a client secret. The secret opens nothing but this simulation. It speaks
 * for the app's own principal, so that it has the same roles.
 */
export const seededServicePrincipal: ServicePrincipal = {
  clientId: '55555555-5555-4555-8555-555555555555',
  objectId: '44444444-4444-4444-8444-444444444444',
  clientSecret: 'capstan-simulation',
};

/** The control plane as the composition needs it. */
interface ControlPlane {
  readonly handle: AzureService;
  /** Answers the managed storage of boot diagnostics (the one blob host that is no account). */
  readonly bootDiagnostics?: AzureService;
  readonly directory: AzureDirectory;
  readonly control: {
    resources(): readonly unknown[];
    readonly faults: { add(rule: unknown): unknown; list(): unknown; clear(): void };
    reset(): void | Promise<void>;
    unmodelled(): readonly unknown[];
  };
  close(): void | Promise<void>;
}

interface ControlPlaneOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly storage: StorageDataPlane;
  readonly machines: MachineHost;
  readonly randomSeed: string;
  verifyBearer(header: string | undefined): Principal | undefined;
}

/** The simulated Kubernetes as the composition needs it. */
interface Machines extends MachineHost {
  clusters(): readonly unknown[];
  /** Faults of the machines themselves. */
  readonly bootFaults?: {
    accepts(rule: unknown): boolean;
    add(rule: unknown): unknown;
    list(): readonly unknown[];
    clear(): void;
  };
  close(): void | Promise<void>;
}

/** The rooms that the composition joins. */
export interface SimulatorParts {
  createControlPlane(options: ControlPlaneOptions): ControlPlane | Promise<ControlPlane>;
  createMachines(azure: AzureForMachines, options: { readonly directory: string }): Machines | Promise<Machines>;
}

export interface SimulatorOptions {
  /** TCP port of the gateway on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Data folder; the simulator keeps its state in `simulator/` below it. */
  readonly dataDirectory: string;
  /** Azure seconds per wall-clock second. */
  readonly timeScale: number;
  readonly clock?: Clock;
  /** Decides ids, durations and what happens by chance; the same seed and requests give the same log. */
  readonly seed?: string;
  /** Refuse blob requests above Azure's rates with 503 (default true). */
  readonly throttle?: boolean;
  /** Put the public base images in place (default true). */
  readonly seedImages?: boolean;
}

export interface Simulator {
  readonly port: number;
  readonly url: string;
  readonly log: RequestLog;
  readonly directory: AzureDirectory;
  readonly storage: StorageFront;
  /** File with the certificate of the local authority that answers for Azure's names; made at the first call. */
  certificateFile(): Promise<string>;
  close(): Promise<void>;
}

const armAudiences = [
  'https://management.azure.com',
  'https://management.azure.com/',
  'https://management.core.windows.net',
  'https://management.core.windows.net/',
];

const graphAudiences = [
  'https://graph.microsoft.com',
  'https://graph.microsoft.com/',
  '00000003-0000-0000-c000-000000000000',
];

/** Remembers the running machines on their way to the Kubernetes side: the metadata service describes them. */
function remembering(host: () => MachineHost): {
  readonly host: MachineHost;
  find(id: string): BootedMachine | undefined;
} {
  const running = new Map<string, BootedMachine>();
  return {
    find: (id) => running.get(id.toLowerCase()),
    host: {
      start(machine, options) {
        running.set(machine.id.toLowerCase(), machine);
        host().start(machine, options);
      },
      stop(id, reason) {
        running.delete(id.toLowerCase());
        host().stop(id, reason);
      },
      serialConsole: (id) => host().serialConsole(id),
      listeningPort: (id, port) => host().listeningPort(id, port),
      managedClusters: {
        apply: (cluster) => host().managedClusters?.apply(cluster),
        remove: (id) => host().managedClusters?.remove(id),
        kubeconfig: (id, user) => host().managedClusters?.kubeconfig(id, user),
      },
    },
  };
}

type LoadBalancer = AzureForMachines['resolveLoadBalancer'];

/** A load balancer, public or as seen from inside: the next healthy backend in turn, as Azure's probes leave only the listening ones. */
function loadBalancer(
  directory: () => AzureDirectory,
  host: MachineHost,
  from?: 'inside',
): (fqdn: string, port: number) => number | undefined {
  let turn = 0;
  return (fqdn, port) => {
    const ports = directory()
      .backendsOf(fqdn, port, from)
      .map(({ vmId, guestPort }) => host.listeningPort(vmId, guestPort))
      .filter((local) => local !== undefined);
    turn += 1;
    return ports[turn % Math.max(1, ports.length)];
  };
}

function later<T>(what: string): { get(): T; set(value: T): void } {
  let held: { readonly value: T } | undefined;
  return {
    get() {
      if (held === undefined) throw new Error(`The simulated Azure is still starting: ${what} is not there yet.`);
      return held.value;
    },
    set(value) {
      held = { value };
    },
  };
}

interface Planes {
  readonly tokens: TokenIssuer;
  readonly storage: StorageFront;
  readonly vault: VaultDataPlane;
  readonly queue: AccountService;
  readonly table: AccountService;
  readonly graph: GraphService;
  readonly arm: ControlPlane;
  readonly guests: Machines;
  readonly machine: (id: string) => BootedMachine | undefined;
  readonly seed: () => void;
}

function doorOf(
  { arm: { control }, storage, vault, queue, table, graph, guests, seed }: Planes,
  faults: DataPlaneFaults,
): DoorTargets {
  const { bootFaults } = guests;
  return {
    resources: () => control.resources(),
    unmodelled: () => [control, storage, vault, queue, table, graph].flatMap((plane) => [...plane.unmodelled()]),
    clusters: () => guests.clusters().map(shownCluster),
    faults: {
      add(rule) {
        if (bootFaults?.accepts(rule) === true) return bootFaults.add(rule);
        return isDataPlaneRule(rule) ? faults.add(rule) : control.faults.add(withoutService(rule));
      },
      list: () => ({
        controlPlane: control.faults.list(),
        dataPlanes: faults.list(),
        machines: bootFaults?.list() ?? [],
      }),
      clear() {
        faults.clear();
        bootFaults?.clear();
        control.faults.clear();
      },
    },
    async reset() {
      faults.clear();
      storage.reset();
      vault.reset();
      for (const plane of [queue, table, graph]) plane.clear();
      await control.reset();
      seed();
    },
  };
}

function servicesOf(
  planes: Planes,
  { clock, seed }: { readonly clock: Clock; readonly seed: string },
  resolveLoadBalancer: LoadBalancer,
): GatewayServices {
  const { tokens, storage, vault, queue, table, arm, machine, graph } = planes;
  const identity = { directory: () => arm.directory, tokens };
  const remembering = { blob: storage, vault };
  const faults = createDataPlaneFaults({
    clock,
    tenantId: seededTenantId,
    draw: createRandom(seed).draw,
    callerOf: (header) => tokens.callerOf(header),
    remember(service, on) {
      if (service === 'blob' || service === 'vault') remembering[service].remember(on);
    },
  });
  return {
    services: {
      arm: arm.handle,
      blob: (request) =>
        request.host.startsWith('md-diagnostics.') && arm.bootDiagnostics !== undefined
          ? arm.bootDiagnostics(request)
          : storage.service(request),
      queue: queue.service,
      table: table.service,
      vault: vault.service,
      graph: graph.service,
      token: createLoginService({ tokens, tenantId: seededTenantId, servicePrincipals: [seededServicePrincipal] }),
      metadata: createMetadataService({ ...identity, machine }),
    },
    managedIdentity: createManagedIdentityEndpoint({ ...identity, defaultClientId: seededClientId }),
    faults,
    resolveLoadBalancer,
    callerOf: (header) => tokens.callerOf(header),
    door: doorOf(planes, faults),
  };
}

/**
 * Joins gateway, control plane, data planes and the simulated Kubernetes in one process. Requests that arrive while the
 * rooms still open their state wait.
 *
 * @throws Error with an explanation when the port is in use
 */
export async function composeSimulator(options: SimulatorOptions, parts: SimulatorParts): Promise<Simulator> {
  const directory = join(options.dataDirectory, 'simulator');
  const clock = options.clock ?? createWallClock(options.timeScale);
  const randomSeed = options.seed ?? 'capstan';
  const ids = (plane: string): (() => string) => openIds(`${randomSeed} ${plane}`, join(directory, 'ids', plane));
  const gateway = await createGateway({ port: options.port, directory, now: () => clock.now() });
  const tokens = createTokenIssuer(join(directory, 'identity'), () => clock.now(), ids('tokens'));
  const arm = later<ControlPlane>('the control plane');
  const guests = later<Machines>('the machine host');
  const azure = (): AzureDirectory => arm.get().directory;
  const machines = remembering(() => guests.get());
  const resolveLoadBalancer = loadBalancer(azure, machines.host);
  const common = { clock, tokens, tenantId: seededTenantId, azure };
  const throttle = options.throttle === undefined ? {} : { throttle: options.throttle };
  const storage = createStorageFront({
    ...common,
    ...throttle,
    ids: ids('storage'),
    directory: join(directory, 'storage'),
  });
  const vault = createVaultDataPlane({ ...common, ids: ids('vault'), directory: join(directory, 'vault') });
  const seed = (): void => {
    if (options.seedImages !== false) seedStorage(storage.state);
  };
  seed();
  const forMachines: AzureForMachines = {
    gatewayUrl: gateway.url,
    resolveLoadBalancer: loadBalancer(azure, machines.host, 'inside'),
    isInternal: (fqdn, port) =>
      azure().backendsOf(fqdn, port).length === 0 && azure().backendsOf(fqdn, port, 'inside').length > 0,
    certificateFile: async () => (await gateway.authority()).certificateFile,
    clock,
  };
  guests.set(await parts.createMachines(forMachines, { directory: join(directory, 'kubernetes') }));
  const verifyBearer = (header: string | undefined): Principal | undefined => {
    const check = tokens.verifyBearer(header, armAudiences);
    return 'principal' in check ? check.principal : undefined;
  };
  const own = { directory: join(directory, 'arm'), clock, machines: machines.host, verifyBearer, randomSeed };
  arm.set(await parts.createControlPlane({ ...own, storage: storage.dataPlane }));
  const machine = (id: string): BootedMachine | undefined => machines.find(id);
  const graph = createGraphService({
    directory: azure,
    servicePrincipals: [seededServicePrincipal],
    isSignedIn: (header) => 'principal' in tokens.verifyBearer(header, graphAudiences),
  });
  const queue = createQueueService({ ...common, ids: ids('queue'), file: join(directory, 'storage', 'queues.db') });
  const table = createTableService({ ...common, ids: ids('table'), file: join(directory, 'storage', 'tables.db') });
  const rooms = { arm: arm.get(), guests: guests.get() };
  const planes: Planes = { ...rooms, tokens, storage, vault, queue, table, graph, machine, seed };
  gateway.attach(servicesOf(planes, { clock, seed: randomSeed }, resolveLoadBalancer));
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await gateway.close();
    await arm.get().close();
    await guests.get().close();
    storage.close();
    vault.close();
    queue.close();
    table.close();
  };
  return {
    port: gateway.port,
    url: gateway.url,
    log: gateway.log,
    directory: azure(),
    storage,
    certificateFile: async () => (await gateway.authority()).certificateFile,
    async close() {
      closing ??= close();
      await closing;
    },
  };
}

/** The plain facts of a cluster; the Kubernetes side hands out live objects beside them. */
function shownCluster(cluster: unknown): unknown {
  if (typeof cluster !== 'object' || cluster === null) return cluster;
  const facts = Object.entries(cluster).filter(
    ([, value]) =>
      typeof value !== 'object' || (Array.isArray(value) && value.every((item) => typeof item !== 'object')),
  );
  return Object.fromEntries(facts.filter(([, value]) => typeof value !== 'function'));
}

/** Rules may name the control plane as `service: 'arm'`; its own schema has no such field. */
function withoutService(rule: unknown): unknown {
  if (typeof rule !== 'object' || rule === null || !('service' in rule) || rule.service !== 'arm') return rule;
  const { service: _service, ...rest } = rule;
  return rest;
}
