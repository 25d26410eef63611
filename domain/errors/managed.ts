import { defineErrors } from './entry.ts';

/** 11xx: requests for AKS clusters. */
export const managedErrors = defineErrors({
  'CAP-1101': {
    title: 'The system pool is missing or does not fit',
    cause: 'AKS runs its own parts in a System pool: Linux, at least one node, no taints.',
    remedy: 'Give one pool mode System, osType Linux, at least one node and no taints; move taints to a User pool.',
    httpStatus: 400,
  },
  'CAP-1102': {
    title: 'The Windows pool does not fit',
    cause: 'Windows pools have names of at most 6 characters, a Windows osSku, and need the network plugin azure.',
    remedy: 'Shorten the name, or correct osType, osSku or spec.network.plugin.',
    httpStatus: 400,
  },
  'CAP-1103': {
    title: 'AKS takes RSA keys only',
    cause: 'A key of spec.sshKeys is of another type.',
    remedy: 'Give one key made with ssh-keygen -t rsa, or none.',
    httpStatus: 400,
  },
  'CAP-1104': {
    title: 'The number of nodes does not fit the bounds',
    cause: 'autoscaling.min is above autoscaling.max, or replicas lies outside of them.',
    remedy: 'Give a min that is not above max, and replicas between them.',
    httpStatus: 400,
  },
  'CAP-1105': {
    title: 'Entra ID and local accounts do not fit together',
    cause: 'Local accounts can be disabled only with the managed integration of Entra ID.',
    remedy: 'Give managedControlPlane.aadProfile with managed true, or leave local accounts enabled.',
    httpStatus: 400,
  },
  'CAP-1106': {
    title: 'The upgrade channels do not fit together',
    cause: 'The channel node-image updates node images itself.',
    remedy: 'Leave nodeOSUpgradeChannel out, or use NodeImage with the channel node-image.',
    httpStatus: 400,
  },
  'CAP-1107': {
    title: 'The version of a pool does not fit the control plane',
    cause: 'A pool may not be newer than its control plane, nor more than three minor versions older.',
    remedy: 'Leave version out so that the pool follows the control plane, or name a version within the bounds.',
    httpStatus: 400,
  },
  'CAP-1108': {
    title: 'The network settings of AKS do not fit together',
    cause: 'Plugin, its mode, the policy and the ranges, or a private API server and allowedCidrs, exclude each other.',
    remedy: 'Correct the field that is named; the request reference says what belongs together.',
    httpStatus: 400,
  },
  'CAP-1109': {
    title: 'The name belongs to a cluster of the other kind',
    cause: 'Self-managed clusters and AKS clusters cannot be turned into each other.',
    remedy: 'Choose another name, or delete the cluster first.',
    httpStatus: 409,
  },
  'CAP-1110': {
    title: 'This does not exist for AKS clusters',
    cause: 'Azure runs the control plane: it has no certificates, bundle or static administrator of this kind.',
    remedy: 'See docs/aks.md for what takes its place.',
    httpStatus: 422,
  },
  'CAP-2101': {
    title: 'AKS does not offer the Kubernetes version',
    cause: 'The region does not have the version that the document asks for, or has ended its support.',
    remedy: 'Choose one of the versions that are listed (az aks get-versions --location <region>).',
    httpStatus: 422,
  },
});
