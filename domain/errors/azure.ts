import { defineErrors } from './entry.ts';

/** 3xxx: Azure refused or failed. */
export const azureErrors = defineErrors({
  'CAP-3001': {
    title: 'An Azure quota is used up',
    cause: 'Azure counted more cores, addresses or other resources than the quota of the subscription allows.',
    remedy: 'Ask for a higher quota (Azure portal, Quotas), or free what is not needed, then apply again.',
    httpStatus: 422,
  },
  'CAP-3002': {
    title: 'An Azure policy forbids it',
    cause: 'A policy assignment denies this resource.',
    remedy: 'Ask the owner of the policy assignment that is named for an exemption, or change the request to comply.',
    httpStatus: 422,
  },
  'CAP-3003': {
    title: 'Capstan is not allowed to do this',
    cause: 'The identity of Capstan lacks an action at a scope, or a deny assignment takes it away.',
    remedy: 'Give the identity a role with the action that is named at the scope that is named.',
    httpStatus: 422,
  },
  'CAP-3004': {
    title: 'A lock forbids it',
    cause: 'A management lock protects the resource or its group.',
    remedy: 'Remove the lock that is named (az lock list), then apply again.',
    httpStatus: 422,
  },
  'CAP-3005': {
    title: 'A resource provider is not registered',
    cause: 'The subscription has never used this part of Azure.',
    remedy: 'Run az provider register --namespace <namespace> and apply again in a few minutes.',
    httpStatus: 422,
  },
  'CAP-3006': {
    title: 'Azure has no capacity',
    cause: 'The region or zone cannot give a machine of this size at the moment.',
    remedy: 'Apply again later, or choose another zone, VM size or region.',
    httpStatus: 503,
  },
  'CAP-3007': {
    title: 'The VM size is not available',
    cause: 'The size is not offered to this subscription in the region or zone, or its capacity is restricted.',
    remedy: 'Choose another zone, VM size or region.',
    httpStatus: 422,
  },
  'CAP-3008': {
    title: 'The name is taken',
    cause: 'Names of storage accounts and DNS labels are shared by all of Azure, and somebody else has this one.',
    remedy: 'Apply again: the next free name is chosen. For a name of your own choose another one.',
    httpStatus: 409,
  },
  'CAP-3009': {
    title: 'The resource exists and is not ours',
    cause: 'A resource with this name does not carry the tag of this cluster; nothing was written.',
    remedy: 'Choose another cluster name or group, or delete the resource if nobody needs it.',
    httpStatus: 409,
  },
  'CAP-3010': {
    title: 'Azure refused the request',
    cause: 'Azure found the request invalid; its own text is in the cause.',
    remedy: 'Correct what the cause names, then apply again.',
    httpStatus: 422,
  },
  'CAP-3011': {
    title: 'Something that is needed is missing in Azure',
    cause: 'A resource that this one refers to does not exist.',
    remedy: 'Restore the resource that is named, or apply again so that Capstan makes it.',
    httpStatus: 422,
  },
  'CAP-3012': {
    title: 'An Azure operation failed',
    cause: 'Azure accepted the request and then failed to carry it out.',
    remedy: 'Read the cause; apply again when it is solved. The correlation id helps Azure support.',
    httpStatus: 502,
  },
  'CAP-3013': {
    title: 'Azure does not recover',
    cause: 'Azure kept answering that it is busy, throttled or unavailable.',
    remedy: 'Look at Azure Service Health and apply again: finished steps are not repeated.',
    httpStatus: 503,
  },
  'CAP-3014': {
    title: 'Capstan cannot sign in to Azure',
    cause: 'No token could be had for the identity of Capstan, or Azure refused the token.',
    remedy: 'Check the managed identity of the Function app and its client id in the settings.',
    httpStatus: 500,
  },
  'CAP-3015': {
    title: 'Azure cannot be reached',
    cause: 'The connection to Azure failed again and again.',
    remedy: 'Check outbound network access and DNS of the Function app, then apply again.',
    httpStatus: 503,
  },
  'CAP-3016': {
    title: 'The resource group is gone or being deleted',
    cause: 'Somebody deletes the group while Capstan works in it.',
    remedy: 'Wait for the deletion to end, create the group again and apply again.',
    httpStatus: 409,
  },
  'CAP-3017': {
    title: 'The resource cannot be deleted',
    cause: 'Something that does not belong to the cluster still uses it.',
    remedy: 'Remove the user of the resource that the cause names, then delete again.',
    httpStatus: 409,
  },
  'CAP-3018': {
    title: 'A resource of yours is missing',
    cause: 'The request names an existing resource that is not there (any more).',
    remedy: 'Restore it, or name another one.',
    httpStatus: 422,
  },
  'CAP-3019': {
    title: 'A shared resource is full',
    cause: 'Every cluster that uses a shared resource is one of its tags, and Azure allows 50 tags on a resource.',
    remedy:
      'Capstan takes the next account or image by itself. For a private DNS zone name one of your own (spec.storage.privateDnsZone) or use another resource group.',
    httpStatus: 409,
  },
  'CAP-3301': {
    title: 'The storage account refuses keys',
    cause: 'spec.storage.authentication is sas, and the account or a lock forbids shared keys and SAS.',
    remedy: 'Use authentication automatic or entra, or allow shared key access in the account.',
    httpStatus: 422,
  },
  'CAP-3302': {
    title: 'A data role is missing in the storage account',
    cause: 'The identity of Capstan may not read or write blobs there.',
    remedy: 'Give it Storage Blob Data Contributor at the account that is named (Reader for a source).',
    httpStatus: 422,
  },
  'CAP-3303': {
    title: 'The network of the storage account refuses Capstan',
    cause: 'Network rules or a disabled public endpoint; a different credential would not help.',
    remedy: 'Allow the network of Capstan in the account, or reach it through a private endpoint.',
    httpStatus: 422,
  },
  'CAP-3304': {
    title: 'The storage account refused the SAS',
    cause: 'A freshly made SAS was refused: a SAS policy of the account, or a wrong clock.',
    remedy: 'Use authentication entra, or check the SAS expiration policy of the account and the clock of the host.',
    httpStatus: 422,
  },
  'CAP-3305': {
    title: 'The image source changed during the copy',
    cause: 'The source blob has another ETag than at the start; a mixed image is never made.',
    remedy: 'Apply again: the copy starts anew from the changed source.',
    httpStatus: 409,
  },
  'CAP-3306': {
    title: 'The image source refused to be read',
    cause: 'The source account or the signature in the URL does not allow reading it.',
    remedy: 'Renew the SAS in the URL, make the container public, or give Capstan Storage Blob Data Reader there.',
    httpStatus: 422,
  },
  'CAP-3307': {
    title: 'The copied image is not equal to its source',
    cause: 'Ranges or the footer differ after the copy.',
    remedy: 'Delete the blob that is named and apply again.',
    httpStatus: 500,
  },
  'CAP-3308': {
    title: 'Another blob has the name of the copy',
    cause: 'The destination blob exists with another size or type and was not written by Capstan.',
    remedy: 'Delete or rename the blob that is named, then apply again.',
    httpStatus: 409,
  },
  'CAP-3309': {
    title: 'The copy by the storage service was aborted',
    cause: 'The cluster that began it was cancelled, or somebody aborted it.',
    remedy: 'Nothing at first: the copy is begun again. When it ends so again, apply again.',
    httpStatus: 409,
  },
  'CAP-3310': {
    title: 'The copy of the image is full',
    cause: 'Every cluster that uses a copy is noted in its metadata, and Azure allows 8 KiB of metadata on a blob.',
    remedy:
      'Nothing at first: Capstan makes the next copy by itself. When it ends so all the same, use another account.',
    httpStatus: 409,
  },
  'CAP-3401': {
    title: 'The Key Vault cannot be used',
    cause: 'The vault is missing, refuses Capstan, or its network rules do.',
    remedy: 'Check the vault setting, and give the identity of Capstan Key Vault Secrets Officer there.',
    httpStatus: 500,
  },
});
