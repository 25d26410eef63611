import { defineErrors } from './entry.ts';

/** 2xxx: found before anything is created. */
export const preflightErrors = defineErrors({
  'CAP-2001': {
    title: 'The resource group does not exist',
    cause: 'spec.azure.resourceGroup names a group that Azure does not know in this subscription.',
    remedy: 'Create the group (az group create) or name an existing one; Capstan never creates groups.',
    httpStatus: 422,
  },
  'CAP-2002': {
    title: 'The subscription cannot be read',
    cause: 'The subscription does not exist, is disabled, or the identity of Capstan has no role in it.',
    remedy: 'Check spec.azure.subscriptionId and give the identity of Capstan a role in the subscription.',
    httpStatus: 422,
  },
  'CAP-2003': {
    title: 'The VM size is not offered here',
    cause: 'The region does not have the size, or the subscription is not allowed to use it there.',
    remedy: 'Choose another size or region, or ask Azure support to enable the size for the subscription.',
    httpStatus: 422,
  },
  'CAP-2004': {
    title: 'No zone is left for a VM size',
    cause: 'The zones asked for do not offer the size to this subscription.',
    remedy: 'Choose other zones or another size; the check lists the zones that offer it.',
    httpStatus: 422,
  },
  'CAP-2005': {
    title: 'The cores quota is too small',
    cause: 'The cluster, with one machine more per pool during upgrades, needs more cores than the quota leaves free.',
    remedy: 'Ask for a higher quota for the family that is named, or use fewer or smaller machines.',
    httpStatus: 422,
  },
  'CAP-2006': {
    title: 'The public IP address quota is too small',
    cause: 'The cluster needs more static public addresses than the quota leaves free.',
    remedy: 'Ask for a higher quota or delete unused addresses.',
    httpStatus: 422,
  },
  'CAP-2007': {
    title: 'A resource provider is not registered',
    cause: 'The subscription has never used this part of Azure.',
    remedy: 'Register it: az provider register --namespace <namespace>.',
    httpStatus: 422,
  },
  'CAP-2008': {
    title: 'Permissions are missing',
    cause: 'The identity of Capstan may not do everything the plan needs.',
    remedy: 'Give it a role with the actions that are listed, at the scope that is named.',
    httpStatus: 422,
  },
  'CAP-2009': {
    title: 'The named network does not fit',
    cause: 'The virtual network or a subnet of static placement is missing, in another region, or lacks a way out.',
    remedy: 'Correct the names under spec.network, or the network itself; Capstan never writes it.',
    httpStatus: 422,
  },
  'CAP-2010': {
    title: 'The named storage does not fit',
    cause: 'The account or container is missing, in another region, or cannot hold page blobs.',
    remedy: 'Name a general-purpose v2 account of the same region, or leave spec.storage empty.',
    httpStatus: 422,
  },
  'CAP-2011': {
    title: 'No storage account name is free',
    cause: 'All candidates for the generated name are taken by others.',
    remedy: 'Name an account of your own under spec.storage.account.',
    httpStatus: 422,
  },
  'CAP-2012': {
    title: 'The image source cannot be used',
    cause: 'It cannot be read, is not a page blob, or is not a fixed VHD.',
    remedy: 'Give the https URL of a fixed VHD in a page blob that Capstan may read.',
    httpStatus: 422,
  },
  'CAP-2013': {
    title: 'A resource of the same name is not ours',
    cause: 'A resource with a planned name exists without the tag of this cluster.',
    remedy: 'Choose another cluster name or group, or delete the resource if nobody needs it.',
    httpStatus: 409,
  },
  'CAP-2014': {
    title: 'The named identity does not exist',
    cause: 'spec.azure.identity names an identity that Azure does not know.',
    remedy: 'Correct the id, or remove the field so that Capstan makes one.',
    httpStatus: 422,
  },
  'CAP-2015': {
    title: 'The storage account is closed to Capstan',
    cause: 'Its network rules deny the place Capstan runs in.',
    remedy: 'Allow the network of Capstan in the account, or run Capstan in a network with its private endpoint.',
    httpStatus: 422,
  },
  'CAP-2016': {
    title: 'The image does not exist',
    cause: 'The gallery image version of spec.image is unknown or not replicated to the region.',
    remedy: 'Correct the reference or replicate the version to the region.',
    httpStatus: 422,
  },
  'CAP-2017': {
    title: 'Preflight found problems',
    cause: 'Several checks failed; each is listed.',
    remedy: 'Solve the listed problems, then apply again. Nothing was created.',
    httpStatus: 422,
  },
  'CAP-2018': {
    title: 'The region offers no virtual machines',
    cause: 'The region name is unknown to this subscription, or no VM size is listed for it.',
    remedy: 'Correct spec.azure.location; az account list-locations lists the names.',
    httpStatus: 422,
  },
  'CAP-2019': {
    title: 'A policy would deny the plan',
    cause: 'A policy assignment at the group or above denies a resource that the plan writes.',
    remedy: 'Ask the owner of the assignment for an exemption, or change the document to comply.',
    httpStatus: 422,
  },
  'CAP-2020': {
    title: 'The image has another Kubernetes version',
    cause: 'The image declares a version of another minor release than spec.kubernetes.version.',
    remedy: 'Ask for the version that the image declares, or name an image of the version that is asked for.',
    httpStatus: 422,
  },
  'CAP-2021': {
    title: 'A data role is missing',
    cause:
      'The identity of Capstan may not read or write the data it needs: blobs of the account, secrets of the vault.',
    remedy: 'Give it the role that is named at the scope that is named.',
    httpStatus: 422,
  },
  'CAP-2022': {
    title: 'The name of the API server is taken',
    cause: 'A public address of somebody else has the DNS label of this cluster in the region.',
    remedy: 'Choose another cluster name or another region.',
    httpStatus: 409,
  },
});
