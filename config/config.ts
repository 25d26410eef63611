import { z } from 'zod';

const uuidList = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim().toLowerCase()))
  .pipe(z.array(z.string().regex(/^[0-9a-f-]{36}$/, 'must be subscription ids, separated by commas')));

const nameList = z.string().transform((text) => text.split(',').map((part) => part.trim().toLowerCase()));

const addressList = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.ipv4('must be public IPv4 addresses, separated by commas')));

const subnetId = z
  .string()
  .regex(
    /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/[^/]+$/i,
    'must be the resource id of a subnet',
  );

const settings = z
  .object({
    AzureWebJobsStorage: z.string().optional(),
    AzureWebJobsStorage__blobServiceUri: z.url().optional(),
    AzureWebJobsStorage__queueServiceUri: z.url().optional(),
    AzureWebJobsStorage__tableServiceUri: z.url().optional(),
    AzureWebJobsStorage__clientId: z.string().optional(),
    AZURE_CLIENT_ID: z.string().optional(),
    CAPSTAN_AZURE_GATEWAY: z.url().optional(),
    CAPSTAN_KEY_VAULT_URI: z.url().optional(),
    CAPSTAN_TIME_SCALE: z.coerce.number().positive().max(100_000).default(1),
    CAPSTAN_ALLOWED_SUBSCRIPTIONS: uuidList.optional(),
    CAPSTAN_ALLOWED_RESOURCE_GROUPS: nameList.optional(),
    CAPSTAN_OUTBOUND_ADDRESSES: addressList.optional(),
    CAPSTAN_SUBNET_ID: subnetId.optional(),
    CAPSTAN_COMPONENTS_SHA256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex')
      .optional(),
    CAPSTAN_SWEEP_SCHEDULE: z.string().default('0 * * * * *'),
    CAPSTAN_INSTANCES: z.coerce.number().int().min(1).max(1000).default(1),
    CAPSTAN_CHECK_SCHEDULE: z.string().default('0 */15 * * * *'),
    CAPSTAN_SWEEP_GRACE_SECONDS: z.coerce.number().min(0).default(30),
    WEBSITE_INSTANCE_ID: z.string().optional(),
    WEBSITE_AUTH_ENABLED: z.string().optional(),
  })
  .superRefine((value, context) => {
    const inAzure = value.WEBSITE_INSTANCE_ID !== undefined;
    const problem = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
    if (value.AzureWebJobsStorage === undefined && value.AzureWebJobsStorage__tableServiceUri === undefined) {
      problem(
        'AzureWebJobsStorage',
        'is missing: give a connection string, or AzureWebJobsStorage__blobServiceUri, …__queueServiceUri and …__tableServiceUri',
      );
    }
    if (value.CAPSTAN_AZURE_GATEWAY !== undefined) {
      if (inAzure) problem('CAPSTAN_AZURE_GATEWAY', 'is refused in Azure: it replaces Azure by a simulation');
      if (!/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?\/?$/.test(value.CAPSTAN_AZURE_GATEWAY)) {
        problem('CAPSTAN_AZURE_GATEWAY', 'must be an http address on this machine, such as http://127.0.0.1:7080');
      }
    }
    if (inAzure && value.CAPSTAN_TIME_SCALE !== 1) problem('CAPSTAN_TIME_SCALE', 'must be 1 in Azure');
  });

/** Everything the app is told from outside, checked and frozen. */
export interface Config {
  readonly storage:
    | { readonly connectionString: string }
    | {
        readonly blobUri: string;
        readonly queueUri: string;
        readonly tableUri: string;
        readonly clientId: string | undefined;
      };
  readonly managedIdentityClientId: string | undefined;
  readonly gatewayUrl: string | undefined;
  readonly keyVaultUri: string | undefined;
  readonly timeScale: number;
  /** Undefined: every subscription that our identity can reach. */
  readonly allowedSubscriptions: readonly string[] | undefined;
  readonly allowedResourceGroups: readonly string[] | undefined;
  /** Public addresses and subnet that Capstan's requests come from; undefined: not said. */
  readonly network: { readonly addresses: readonly string[]; readonly subnetId?: string } | undefined;
  /** How many instances of the app share Azure's rate limits. */
  readonly instances: number;
  /** Digest that `index.json` of the container `components` must have; undefined: any. */
  readonly componentsSha256: string | undefined;
  readonly sweepSchedule: string;
  readonly sweepGraceSeconds: number;
  /** Platform authentication (Easy Auth) is on: callers carry roles. */
  readonly platformAuthentication: boolean;
}

const known = new Set(Object.keys(settings.shape));

/**
 * Reads the configuration from environment variables.
 *
 * @throws Error that lists every problem, also unknown `CAPSTAN_` settings (CAP-9004)
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const mine = Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => known.has(name) && value !== ''),
  );
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith('CAPSTAN_') && !known.has(name) && !localOnly.has(name),
  );
  const parsed = settings.safeParse(mine);
  const problems = [
    ...unknown.map((name) => `${name} is not a setting of Capstan`),
    ...(parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)),
  ];
  if (!parsed.success || problems.length > 0) {
    throw new Error(`CAP-9004 The configuration is wrong:\n${problems.map((line) => `  - ${line}`).join('\n')}`);
  }
  const value = parsed.data;
  return Object.freeze({
    storage:
      value.AzureWebJobsStorage === undefined
        ? {
            blobUri: value.AzureWebJobsStorage__blobServiceUri ?? '',
            queueUri: value.AzureWebJobsStorage__queueServiceUri ?? '',
            tableUri: value.AzureWebJobsStorage__tableServiceUri ?? '',
            clientId: value.AzureWebJobsStorage__clientId,
          }
        : { connectionString: value.AzureWebJobsStorage },
    managedIdentityClientId: value.AZURE_CLIENT_ID,
    gatewayUrl: value.CAPSTAN_AZURE_GATEWAY,
    keyVaultUri: value.CAPSTAN_KEY_VAULT_URI,
    timeScale: value.CAPSTAN_TIME_SCALE,
    allowedSubscriptions: value.CAPSTAN_ALLOWED_SUBSCRIPTIONS,
    allowedResourceGroups: value.CAPSTAN_ALLOWED_RESOURCE_GROUPS,
    network: networkOf(value.CAPSTAN_OUTBOUND_ADDRESSES, value.CAPSTAN_SUBNET_ID),
    instances: value.CAPSTAN_INSTANCES,
    componentsSha256: value.CAPSTAN_COMPONENTS_SHA256,
    sweepSchedule: value.CAPSTAN_SWEEP_SCHEDULE,
    sweepGraceSeconds: value.CAPSTAN_SWEEP_GRACE_SECONDS,
    platformAuthentication: value.WEBSITE_AUTH_ENABLED?.toLowerCase() === 'true',
  });
}

function networkOf(addresses: readonly string[] | undefined, subnet: string | undefined): Config['network'] {
  if (addresses === undefined && subnet === undefined) return undefined;
  return { addresses: addresses ?? [], ...(subnet === undefined ? {} : { subnetId: subnet }) };
}

/** Settings of the local stack that may stand in the same environment and mean nothing to the app. */
const localOnly = new Set([
  'CAPSTAN_PORT',
  'CAPSTAN_AZURE_PORT',
  'CAPSTAN_AZURITE_BLOB_PORT',
  'CAPSTAN_AZURITE_QUEUE_PORT',
  'CAPSTAN_AZURITE_TABLE_PORT',
  'CAPSTAN_DATA',
]);
