import type { KubernetesObject, ObjectReference } from '#domain/cluster-api/object.ts';
import { apiVersions } from '#domain/cluster-api/names.ts';
import { placed, withHostAlias } from './placement.ts';
import type { HostAlias, Placement } from './placement.ts';
import { withProxyEnvironment } from './proxy.ts';
import type { ProxyEnvironment } from './proxy.ts';
import { applyOrder, parseManifest, substitute } from './manifest.ts';

/** What `clusterctl` calls a provider; the inventory object makes a later `clusterctl upgrade` find it. */
export interface ProviderIdentity {
  /** e.g. cluster-api, kubeadm, azure. */
  readonly name: string;
  readonly type:
    | 'CoreProvider'
    | 'BootstrapProvider'
    | 'ControlPlaneProvider'
    | 'InfrastructureProvider'
    | 'AddonProvider';
}

/** One component to install, as the caller read it from the `components` container. */
export interface Component {
  /** e.g. cert-manager, cluster-api-core. */
  readonly name: string;
  /** e.g. v1.14.0. */
  readonly version: string;
  /** The sentence's name, e.g. `Cluster API`; without one the component is not mentioned. */
  readonly title?: string;
  /** Manifest text, with clusterctl's variables. */
  readonly manifest: string;
  /** Namespace of its workloads; used for the inventory. */
  readonly namespace: string;
  /** Position among the components; how they are grouped into stages says catalogue.ts. */
  readonly order: number;
  readonly provider?: ProviderIdentity;
  /** Where its Deployments run; undefined: as the manifest says. */
  readonly placement?: Placement;
  /**
   * The cluster's proxy (`proxyEnvironment(plan)`): given to the Deployments of components that are placed on
   * control-plane nodes, because those call Azure.
   */
  readonly proxy?: ProxyEnvironment;
  /** A name that the pods of its Deployments resolve to this address, whatever DNS says. */
  readonly hostAlias?: HostAlias;
  /** Values for the manifest's variables. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * The objects of a component in the order in which they are applied, with clusterctl's labels and inventory object
 * when it is a provider (cluster-api-pivot.md §2e). Throws ManifestError.
 */
export function componentObjects(component: Component): readonly KubernetesObject[] {
  const text = substitute(component.manifest, component.variables ?? {}, component.name);
  const aliased = withHostAlias(parseManifest(text, component.name), component.hostAlias);
  const objects = placed(aliased, component.placement).map((object) =>
    component.placement === 'controlPlane' && object.kind === 'Deployment'
      ? withProxyEnvironment(object, component.proxy ?? {})
      : object,
  );
  const { provider } = component;
  if (provider === undefined) {
    return applyOrder(objects);
  }
  const label = providerLabel(provider);
  const labels = { 'clusterctl.cluster.x-k8s.io': '', 'cluster.x-k8s.io/provider': label };
  const labelled = objects.map((object) => ({
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } },
  }));
  const hasInventory = labelled.some((object) => object.kind === 'Provider' && object.metadata.name === label);
  const hasDefinition = labelled.some((object) => object.metadata.name === inventoryDefinition.metadata.name);
  return applyOrder([
    ...labelled,
    ...(hasInventory ? [] : [inventory(component, provider, label)]),
    ...(hasDefinition || provider.type !== 'CoreProvider' ? [] : [inventoryDefinition]),
  ]);
}

/** clusterctl's name of a provider: the type's prefix and the name; the core provider has none. */
function providerLabel(provider: ProviderIdentity): string {
  const prefixes = {
    CoreProvider: '',
    BootstrapProvider: 'bootstrap-',
    ControlPlaneProvider: 'control-plane-',
    InfrastructureProvider: 'infrastructure-',
    AddonProvider: 'addon-',
  } as const;
  return `${prefixes[provider.type]}${provider.name}`;
}

/** clusterctl's inventory object of a component; undefined when it is no provider. */
export function inventoryReference(component: Component): ObjectReference | undefined {
  return component.provider === undefined
    ? undefined
    : {
        apiVersion: apiVersions.inventory,
        kind: 'Provider',
        namespace: component.namespace,
        name: providerLabel(component.provider),
      };
}

function inventory(component: Component, provider: ProviderIdentity, label: string): KubernetesObject {
  return {
    apiVersion: apiVersions.inventory,
    kind: 'Provider',
    metadata: {
      name: label,
      namespace: component.namespace,
      labels: {
        'clusterctl.cluster.x-k8s.io': '',
        'cluster.x-k8s.io/provider': label,
        'clusterctl.cluster.x-k8s.io/core': 'inventory',
      },
    },
    providerName: provider.name,
    type: provider.type,
    version: component.version,
    watchedNamespace: '',
  };
}

/** clusterctl brings this definition itself, released manifests do not hold it; its own replaces ours on first use. */
const inventoryDefinition: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'providers.clusterctl.cluster.x-k8s.io',
    labels: { 'clusterctl.cluster.x-k8s.io': '', 'clusterctl.cluster.x-k8s.io/core': 'inventory' },
  },
  spec: {
    group: 'clusterctl.cluster.x-k8s.io',
    scope: 'Namespaced',
    names: { kind: 'Provider', listKind: 'ProviderList', plural: 'providers', singular: 'provider' },
    versions: [
      {
        name: 'v1alpha3',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: Object.fromEntries(
              ['apiVersion', 'kind', 'providerName', 'type', 'version', 'watchedNamespace']
                .map((name): [string, object] => [name, { type: 'string' }])
                .concat([['metadata', { type: 'object' }]]),
            ),
          },
        },
      },
    ],
  },
};
