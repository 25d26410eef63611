import type { Clock } from '#local/azure/clock.ts';
import { createSelfSigned } from '../boot/pki.ts';
import type { KubeObject } from '../contract.ts';
import { setConditions, timestamp } from './conditions.ts';
import type { ConditionUpdate } from './conditions.ts';
import type { ControllerContext } from './context.ts';
import { isDeploymentAvailable, kubeFor } from './context.ts';
import type { Condition, WebhookConfiguration } from './kinds.ts';
import { CRD, MUTATING_WEBHOOKS, SECRET, VALIDATING_WEBHOOKS } from './kinds.ts';
import type { HostedControllers } from './manager.ts';
import type { Json, Kind, Kube } from './objects.ts';
import { failureCode, keyOf } from './objects.ts';
import type { Reconciler } from './runtime.ts';

interface Issuer extends KubeObject {
  spec?: { selfSigned?: Json };
  status?: { conditions?: Condition[] };
}

interface Certificate extends KubeObject {
  spec?: { secretName: string; dnsNames?: string[]; commonName?: string; issuerRef: { name: string; kind?: string } };
  status?: { conditions?: Condition[] };
}

interface CustomResourceDefinition extends KubeObject {
  spec?: { conversion?: { webhook?: { clientConfig?: { caBundle?: string } } } };
}

const ISSUER: Kind<Issuer> = { apiVersion: 'cert-manager.io/v1', kind: 'Issuer' };
const CLUSTER_ISSUER: Kind<Issuer> = { apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer' };
const CERTIFICATE: Kind<Certificate> = { apiVersion: 'cert-manager.io/v1', kind: 'Certificate' };
const INJECT = 'cert-manager.io/inject-ca-from';
const NAMESPACE = 'cert-manager';

/** cert-manager with SelfSigned issuers (all that Cluster API's manifests use) and the CA injector. */
export function createCertManager(context: ControllerContext): HostedControllers {
  const { clock } = context.azure;
  const probe = kubeFor(context, 'cert-manager', 'cert-manager:cert-manager');
  context.api.bindWebhook(
    { namespace: NAMESPACE, name: 'cert-manager-webhook' },
    () => isDeploymentAvailable(probe, NAMESPACE, 'cert-manager-webhook'),
    () => ({ allowed: true }),
  );
  return {
    namespace: NAMESPACE,
    deployment: 'cert-manager',
    create: (kube) => [
      issuers(kube, clock, ISSUER),
      issuers(kube, clock, CLUSTER_ISSUER),
      certificates(kube, clock),
      ...[VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS, CRD].map((kind) => injector(kube, kind)),
    ],
  };
}

function issuers(kube: Kube, clock: Clock, kind: Kind<Issuer>): Reconciler {
  return {
    name: kind.kind,
    watches: [{ kind }],
    reconcile: (key) => {
      const issuer = kube.get(kind, key.namespace, key.name);
      if (issuer === undefined) return undefined;
      const update: ConditionUpdate =
        issuer.spec?.selfSigned === undefined
          ? {
              type: 'Ready',
              status: false,
              reason: 'NotModelled',
              message: 'The simulated cert-manager knows SelfSigned issuers only.',
            }
          : { type: 'Ready', status: true, reason: 'IsReady', message: 'SelfSigned issuer is ready' };
      kube.patchStatus(issuer, { conditions: setConditions(issuer.status?.conditions, [update], clock.now()) });
      return undefined;
    },
  };
}

function certificates(kube: Kube, clock: Clock): Reconciler {
  return {
    name: 'Certificate',
    watches: [{ kind: CERTIFICATE }, { kind: ISSUER, map: () => kube.list(CERTIFICATE).map(keyOf) }],
    reconcile: async (key) => {
      const certificate = kube.get(CERTIFICATE, key.namespace, key.name);
      if (certificate?.spec === undefined) return undefined;
      const { issuerRef, secretName, dnsNames } = certificate.spec;
      const issuer =
        issuerRef.kind === 'ClusterIssuer'
          ? kube.get(CLUSTER_ISSUER, '', issuerRef.name)
          : kube.get(ISSUER, key.namespace, issuerRef.name);
      if (
        issuer?.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') !==
        true
      ) {
        const message = `Referenced "${issuerRef.kind ?? 'Issuer'}" ${issuerRef.name} is not ready`;
        settle(kube, clock, certificate, { type: 'Ready', status: false, reason: 'DoesNotExist', message });
        return undefined;
      }
      if (kube.get(SECRET, key.namespace, secretName) === undefined)
        await issue(kube, certificate, secretName, dnsNames ?? []);
      settle(kube, clock, certificate, {
        type: 'Ready',
        status: true,
        reason: 'Ready',
        message: 'Certificate is up to date and has not expired',
      });
      return undefined;
    },
  };
}

function settle(kube: Kube, clock: Clock, certificate: Certificate, update: ConditionUpdate): void {
  const notAfter = update.status === true ? { notAfter: timestamp(clock.now() + 90 * 86_400_000) } : {};
  const previous = certificate.status as { notAfter?: string } | undefined;
  kube.patchStatus(certificate, {
    conditions: setConditions(certificate.status?.conditions, [update], clock.now()),
    ...(previous?.notAfter === undefined ? notAfter : {}),
  });
}

async function issue(
  kube: Kube,
  certificate: Certificate,
  secretName: string,
  dnsNames: readonly string[],
): Promise<void> {
  const pair = await createSelfSigned(certificate.spec?.commonName ?? dnsNames[0] ?? secretName, dnsNames);
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  try {
    kube.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: secretName,
        namespace: certificate.metadata.namespace ?? '',
        annotations: { 'cert-manager.io/certificate-name': certificate.metadata.name },
      },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': encode(pair.certificate), 'tls.key': encode(pair.key), 'ca.crt': encode(pair.certificate) },
    });
  } catch (error) {
    if (failureCode(error) !== 409) throw error;
  }
  kube.event(certificate, 'Normal', 'Issuing', 'The certificate has been successfully issued');
}

/** cainjector: copies the CA of the named Certificate's secret into webhook configurations and CRD conversions. */
function injector(kube: Kube, kind: Kind): Reconciler {
  return {
    name: `cainjector-${kind.kind}`,
    watches: [
      { kind },
      { kind: SECRET, map: (secret) => (isIssued(secret) ? kube.list(kind).filter(wantsInjection).map(keyOf) : []) },
    ],
    reconcile: (key) => {
      if (!isDeploymentAvailable(kube, NAMESPACE, 'cert-manager-cainjector')) return { requeueAfter: 5 };
      const object = kube.get(kind, '', key.name);
      const source = object?.metadata.annotations?.[INJECT];
      if (object === undefined || source === undefined) return undefined;
      const [namespace = '', name = ''] = source.split('/');
      const certificate = kube.get(CERTIFICATE, namespace, name);
      const bundle = kube.get(SECRET, namespace, certificate?.spec?.secretName ?? '')?.data?.['ca.crt'];
      if (bundle === undefined) return { requeueAfter: 5 };
      if (kind === CRD) injectConversion(kube, object, bundle);
      else injectWebhooks(kube, object, bundle);
      return undefined;
    },
  };
}

function isIssued(secret: KubeObject): boolean {
  return secret.metadata.annotations?.['cert-manager.io/certificate-name'] !== undefined;
}

function wantsInjection(object: KubeObject): boolean {
  return object.metadata.annotations?.[INJECT] !== undefined;
}

function injectWebhooks(kube: Kube, object: WebhookConfiguration, bundle: string): void {
  const webhooks = (object.webhooks ?? []).map((webhook) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, caBundle: bundle },
  }));
  kube.patch(object, { webhooks });
}

function injectConversion(kube: Kube, object: CustomResourceDefinition, bundle: string): void {
  if (object.spec?.conversion?.webhook === undefined) return;
  kube.patch(object, { spec: { conversion: { webhook: { clientConfig: { caBundle: bundle } } } } });
}
