import { controlPlaneKubeadmConfig, initKubeadmConfig } from '../kubeadm/config.ts';
import type { ClusterPlan } from '../plan/types.ts';
import { clusterLabels } from './cluster.ts';
import { controlPlaneMachineSpec } from './machine-spec.ts';
import { apiGroups, apiVersions, documentNames, namespaceOf, providerId, wellKnown } from './names.ts';
import type { KubernetesObject } from './object.ts';
import { asTemplate } from './templates.ts';

/** Labels of a control-plane machine and of its two companions. */
export function controlPlaneMachineLabels(plan: ClusterPlan): Readonly<Record<string, string>> {
  return {
    ...clusterLabels(plan),
    [wellKnown.controlPlane]: '',
    [wellKnown.controlPlaneName]: documentNames(plan).controlPlane,
  };
}

/** Template of the control-plane machines. */
export function controlPlaneTemplateDocument(plan: ClusterPlan): KubernetesObject {
  const names = documentNames(plan);
  return asTemplate(names.controlPlane, {
    apiVersion: apiVersions.infrastructure,
    kind: 'AzureMachineTemplate',
    metadata: { name: names.controlPlaneTemplate, namespace: namespaceOf(plan), labels: clusterLabels(plan) },
    spec: { template: { spec: controlPlaneMachineSpec(plan) } },
  });
}

/**
 * Days before the expiry of a machine's certificates at which the control plane replaces it by itself, also while
 * Capstan is away (Cluster API book, "Auto rotate certificates"; kubeadm's certificates last a year).
 */
const renewalDays = 60;

/** How a KubeadmControlPlane differs from the one of the hand-over. */
export interface ControlPlaneState {
  readonly replicas: number;
  /** Name of the machine template in use. */
  readonly template: string;
  /** Machines made before this moment (RFC 3339) are replaced. */
  readonly rolloutAfter?: string;
}

/** The KubeadmControlPlane; without `state` the one of the hand-over, which grows only after it has adopted CP-A. */
export function controlPlaneDocument(plan: ClusterPlan, state?: ControlPlaneState): KubernetesObject {
  const names = documentNames(plan);
  return {
    apiVersion: apiVersions.controlPlane,
    kind: 'KubeadmControlPlane',
    metadata: { name: names.controlPlane, namespace: namespaceOf(plan), labels: clusterLabels(plan) },
    spec: {
      replicas: state?.replicas ?? 1,
      version: plan.kubernetesVersion,
      rollout: {
        before: { certificatesExpiryDays: renewalDays },
        ...(state?.rolloutAfter === undefined ? {} : { after: state.rolloutAfter }),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
      },
      machineTemplate: {
        spec: {
          infrastructureRef: {
            apiGroup: apiGroups.infrastructure,
            kind: 'AzureMachineTemplate',
            name: state?.template ?? names.controlPlaneTemplate,
          },
        },
      },
      kubeadmConfigSpec: controlPlaneKubeadmConfig(plan),
    },
  };
}

/**
 * CP-A's KubeadmConfig. `readBack` is the `kubeadmConfigSpec` of the KubeadmControlPlane as the API server returned
 * it: whatever its webhook filled in must be in here too, or the control plane rolls CP-A (cluster-api-pivot.md, R3).
 */
export function firstKubeadmConfigDocument(plan: ClusterPlan, readBack: object): KubernetesObject {
  return {
    apiVersion: apiVersions.bootstrap,
    kind: 'KubeadmConfig',
    metadata: {
      name: plan.controlPlane.machineName,
      namespace: namespaceOf(plan),
      labels: controlPlaneMachineLabels(plan),
    },
    spec: initKubeadmConfig(readBack),
  };
}

/** CP-A's Machine. `dataSecretName` tells Cluster API that the machine was bootstrapped already. */
export function firstMachineDocument(plan: ClusterPlan): KubernetesObject {
  const name = plan.controlPlane.machineName;
  return {
    apiVersion: apiVersions.core,
    kind: 'Machine',
    metadata: { name, namespace: namespaceOf(plan), labels: controlPlaneMachineLabels(plan) },
    spec: {
      clusterName: plan.name,
      version: plan.kubernetesVersion,
      ...failureDomain(plan),
      providerID: providerId(plan.azure, name),
      bootstrap: {
        dataSecretName: name,
        configRef: { apiGroup: apiGroups.bootstrap, kind: 'KubeadmConfig', name },
      },
      infrastructureRef: { apiGroup: apiGroups.infrastructure, kind: 'AzureMachine', name },
    },
  };
}

/** CP-A's AzureMachine; its annotations say which template it equals (cluster-api-pivot.md §2b). */
export function firstAzureMachineDocument(plan: ClusterPlan): KubernetesObject {
  const name = plan.controlPlane.machineName;
  return {
    apiVersion: apiVersions.infrastructure,
    kind: 'AzureMachine',
    metadata: {
      name,
      namespace: namespaceOf(plan),
      labels: controlPlaneMachineLabels(plan),
      annotations: {
        [wellKnown.clonedFromName]: documentNames(plan).controlPlaneTemplate,
        [wellKnown.clonedFromGroupKind]: `AzureMachineTemplate.${apiGroups.infrastructure}`,
      },
    },
    spec: { ...controlPlaneMachineSpec(plan), ...failureDomain(plan), providerID: providerId(plan.azure, name) },
  };
}

function failureDomain(plan: ClusterPlan): { readonly failureDomain?: string } {
  return plan.controlPlane.zone === undefined ? {} : { failureDomain: plan.controlPlane.zone };
}
