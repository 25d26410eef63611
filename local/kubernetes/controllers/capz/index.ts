import { BlockList, isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { AdmissionReview } from '../../contract.ts';
import { clusterNameOf } from '../cluster-api/common.ts';
import { AZURE_CLUSTER, CLUSTER } from '../cluster-api/kinds.ts';
import type { ControllerContext } from '../context.ts';
import { isDeploymentAvailable, kubeFor } from '../context.ts';
import type { HostedControllers } from '../manager.ts';
import type { Kube } from '../objects.ts';
import { createAzureClusterController } from './azure-cluster.ts';
import { createAzureJsonController } from './azure-json.ts';
import { createAzureMachineController } from './azure-machine.ts';
import { createSignIn } from './sign-in.ts';
import { withDefaults } from './defaults.ts';
import type { AzureClusterObject, AzureMachineObject } from './spec.ts';

const NAMESPACE = 'capz-system';
const DEPLOYMENT = 'capz-controller-manager';
const ASO = 'azureserviceoperator-controller-manager';

/** Cluster API Provider Azure; its network steps need Azure Service Operator, so both Deployments must be Available. */
export function capzControllers(context: ControllerContext): HostedControllers {
  return {
    namespace: NAMESPACE,
    deployment: DEPLOYMENT,
    create: (kube) => {
      const signIn = createSignIn(context, kube);
      const whileAso = (azureCluster: AzureClusterObject) => {
        if (!isDeploymentAvailable(kube, NAMESPACE, ASO))
          throw new Error(`Deployment ${NAMESPACE}/${ASO} is not available: Azure Service Operator reconciles nothing`);
        return signIn(azureCluster);
      };
      return [
        createAzureClusterController(context, kube, whileAso),
        createAzureMachineController(context, kube, signIn),
        createAzureJsonController(kube, signIn),
      ];
    },
  };
}

/** CAPZ's webhooks: an AzureMachine needs its Cluster and AzureCluster; names and immutable fields are checked. */
export function bindCapzWebhooks(context: ControllerContext): void {
  const kube = kubeFor(context, 'webhooks', 'kube-system:webhook-prober');
  const ready = (name: string) => (): boolean => isDeploymentAvailable(kube, NAMESPACE, name);
  context.api.bindWebhook({ namespace: NAMESPACE, name: 'capz-webhook-service' }, ready(DEPLOYMENT), reviewCapz(kube));
  context.api.bindWebhook({ namespace: NAMESPACE, name: 'azureserviceoperator-webhook-service' }, ready(ASO), () => ({
    allowed: true,
  }));
}

/** Names longer than this do not fit into the names that CAPZ derives (cluster-api-pivot.md §2c). */
const LONGEST_NAME = 44;

function reviewCapz(kube: Kube): AdmissionReview {
  return ({ operation, object: given, oldObject }) => {
    if (operation === 'DELETE') return { allowed: true };
    const object = given.kind === 'AzureCluster' ? withDefaults(given) : given;
    const problems: string[] = [];
    if (object.kind === 'AzureMachine') problems.push(...reviewMachine(kube, object, oldObject));
    if (object.kind === 'AzureCluster') problems.push(...reviewCluster(object, oldObject));
    if (
      object.kind === 'AzureMachineTemplate' &&
      oldObject !== undefined &&
      !isDeepStrictEqual(oldObject['spec'], object['spec'])
    ) {
      problems.push(
        'spec.template.spec: Invalid value: AzureMachineTemplate.spec.template.spec field is immutable. Please create new resource instead.',
      );
    }
    if (problems.length === 0) return { allowed: true, object };
    return {
      allowed: false,
      message: `${object.kind}.infrastructure.cluster.x-k8s.io "${object.metadata.name}" is invalid: ${problems.join(', ')}`,
    };
  };
}

function reviewCluster(object: AzureClusterObject, old: AzureClusterObject | undefined): string[] {
  const problems: string[] = [];
  if (object.metadata.name.length > LONGEST_NAME)
    problems.push(
      `metadata.name: Invalid value: "${object.metadata.name}": Cluster Name longer than allowed length of ${LONGEST_NAME} characters`,
    );
  if (!/^[a-z0-9][a-z0-9-]{0,42}[a-z0-9]$/.test(object.metadata.name))
    problems.push(`metadata.name: Invalid value: "${object.metadata.name}": Cluster Name doesn't match regex`);
  problems.push(...reviewAddresses(object));
  if (old === undefined) return problems;
  for (const field of ['resourceGroup', 'subscriptionID', 'location'] as const) {
    if (old.spec?.[field] !== undefined && old.spec[field] !== object.spec?.[field])
      problems.push(`spec.${field}: Invalid value: field is immutable`);
  }
  return problems;
}

/** The API server's load balancer: its address must fit its type (azurecluster_validation.go, validateAPIServerLB). */
function reviewAddresses({ spec }: AzureClusterObject): string[] {
  const balancer = spec?.networkSpec?.apiServerLB;
  if (balancer === undefined) return [];
  const frontends = balancer.frontendIPs ?? [];
  const at = 'spec.networkSpec.apiServerLB.frontendIPConfigs';
  if (balancer.type !== 'Internal') {
    const isOne = frontends.filter(({ publicIP }) => publicIP !== undefined).length === 1;
    const isPrivate = frontends.some(({ privateIP }) => privateIP !== undefined);
    return [
      ...(isOne ? [] : [`${at}: Invalid value: API Server Load balancer should have 1 Frontend IP`]),
      ...(isPrivate ? [`${at}[0].privateIP: Forbidden: Public Load Balancers cannot have a Private IP`] : []),
    ];
  }
  const [{ privateIP = '' } = {}] = frontends;
  const ranges = spec?.networkSpec?.subnets?.find(({ role }) => role === 'control-plane')?.cidrBlocks ?? [];
  const isInside = ranges.some((range) => contains(range, privateIP));
  return isInside
    ? []
    : [
        `${at}[0].privateIP: Invalid value: Internal LB IP address needs to be in control plane subnet range (${ranges.join()})`,
      ];
}

function contains(range: string, address: string): boolean {
  const [network = '', prefix = ''] = range.split('/');
  if (isIP(network) === 0 || isIP(address) === 0) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix));
  return list.check(address);
}

function reviewMachine(kube: Kube, object: AzureMachineObject, old: AzureMachineObject | undefined): string[] {
  const namespace = object.metadata.namespace ?? '';
  const problems: string[] = [];
  const clusterName =
    clusterNameOf(object) ?? object.metadata.ownerReferences?.find((owner) => owner.kind === 'Cluster')?.name;
  if (old === undefined) {
    if (clusterName === undefined)
      return ['metadata.labels: Required value: failed to get owner cluster: no cluster name label'];
    const cluster = kube.get(CLUSTER, namespace, clusterName);
    if (cluster === undefined) return [`failed to get Cluster "${namespace}/${clusterName}": not found`];
    const reference = cluster.spec?.infrastructureRef?.name ?? '';
    if (kube.get(AZURE_CLUSTER, namespace, reference) === undefined)
      return [`failed to get AzureCluster "${namespace}/${reference}": not found`];
    if (object.spec?.identity === 'UserAssigned' && (object.spec.userAssignedIdentities ?? []).length === 0) {
      problems.push(
        "spec.userAssignedIdentities: Required value: must be specified for the 'UserAssigned' identity type",
      );
    }
    return problems;
  }
  for (const field of ['vmSize', 'image', 'osDisk', 'identity', 'userAssignedIdentities', 'dataDisks'] as const) {
    if (!isDeepStrictEqual(old.spec?.[field], object.spec?.[field]))
      problems.push(`spec.${field}: Invalid value: field is immutable`);
  }
  return problems;
}
