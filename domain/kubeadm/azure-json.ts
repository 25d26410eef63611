import { attachedNames } from '../cluster-api/network-spec.ts';
import type { ClusterPlan } from '../plan/types.ts';

/** The cloud's name in the Azure SDK for Go, which CAPZ and the cloud provider use. */
export function azureEnvironmentName(environment: ClusterPlan['azure']['environment']): string {
  const names = {
    public: 'AzurePublicCloud',
    usGovernment: 'AzureUSGovernmentCloud',
    china: 'AzureChinaCloud',
  } as const;
  return names[environment];
}

/**
 * The cloud provider's configuration, byte for byte in the form in which CAPZ writes it into `<template>-azure-json`
 * (cluster-api-pivot.md §3: field order, four spaces). Control-plane machines use the user-assigned identity; workers
 * have none and only read instance metadata, so their file names no managed identity.
 */
export function azureJson(plan: ClusterPlan, identityClientId: string, role: 'control-plane' | 'worker'): string {
  const { azure, network } = plan;
  const names = attachedNames(plan);
  const identity =
    role === 'control-plane' ? { useManagedIdentityExtension: true } : { useManagedIdentityExtension: false };
  const config = {
    cloud: azureEnvironmentName(azure.environment),
    tenantId: azure.tenantId,
    subscriptionId: azure.subscriptionId,
    ...(role === 'worker' ? { aadClientId: identityClientId } : {}),
    resourceGroup: azure.resourceGroup,
    securityGroupName: names.workerSecurityGroup,
    securityGroupResourceGroup: network.virtualNetwork.resourceGroup,
    location: azure.location,
    vmType: 'vmss',
    vnetName: network.virtualNetwork.name,
    vnetResourceGroup: network.virtualNetwork.resourceGroup,
    subnetName: network.workerSubnet.name,
    routeTableName: names.routeTable,
    loadBalancerSku: 'Standard',
    // No outbound load balancer: the NAT gateway does that. Empty makes the provider name its own after the cluster.
    loadBalancerName: '',
    maximumLoadBalancerRuleCount: 250,
    ...identity,
    useInstanceMetadata: true,
    enableVmssFlexNodes: true,
    ...(role === 'control-plane' ? { userAssignedIdentityID: identityClientId } : {}),
  };
  return JSON.stringify(config, null, 4);
}
