import { defineErrors } from './entry.ts';

/** 1xxx: the request itself. */
export const requestErrors = defineErrors({
  'CAP-1001': {
    title: 'The request does not match the schema',
    cause: 'A field is missing, unknown, or has the wrong type or form.',
    remedy: 'Correct the fields that are listed; schemas/cluster.json describes every field.',
    httpStatus: 400,
  },
  'CAP-1002': {
    title: 'The document cannot be read',
    cause: 'The body is neither JSON nor YAML, is empty, is nested too deeply, or uses a forbidden key.',
    remedy: 'Send one YAML or JSON document of at most 256 KiB, nested at most 20 levels deep.',
    httpStatus: 400,
  },
  'CAP-1003': {
    title: 'A tag uses a reserved word',
    cause: 'Azure reserves azure, microsoft and windows in tag names; Capstan refuses them in keys and values.',
    remedy: 'Choose another tag.',
    httpStatus: 400,
  },
  'CAP-1004': {
    title: 'The address ranges do not fit',
    cause: 'Two ranges overlap, a subnet lies outside its virtual network, or a range is too small for its nodes.',
    remedy: 'Give ranges that do not overlap and have room for every node and for Azure (five addresses a subnet).',
    httpStatus: 400,
  },
  'CAP-1005': {
    title: 'The control plane needs an odd number of nodes',
    cause: 'etcd loses its majority sooner with an even number of members.',
    remedy: 'Use 1, 3 or 5 replicas.',
    httpStatus: 400,
  },
  'CAP-1006': {
    title: 'The placement is incomplete or contradicts another field',
    cause: 'Static placement needs the names of the network; a proxy or a gateway needs static placement.',
    remedy: 'Name resourceGroup, virtualNetwork, controlPlaneSubnet and workerSubnet, or use dynamic placement.',
    httpStatus: 400,
  },
  'CAP-1007': {
    title: 'The image source is refused',
    cause: 'The URL is not https, is an IP literal, or its host resolves to a private, loopback or link-local address.',
    remedy: 'Use an https URL of a public host, or of a storage account in an allowed subscription.',
    httpStatus: 400,
  },
  'CAP-1008': {
    title: 'Kubernetes cannot be downgraded',
    cause: 'The version asked for is older than the one the cluster runs.',
    remedy: 'Ask for the same or a newer version.',
    httpStatus: 409,
  },
  'CAP-1009': {
    title: 'An operation is in progress',
    cause: 'One operation runs on a cluster at a time, and this request asks for something else.',
    remedy: 'Wait for the operation that is named, then send the request again.',
    httpStatus: 409,
  },
  'CAP-1010': {
    title: 'This field cannot be changed',
    cause: 'The field is chosen once, when the cluster is built; the message says why.',
    remedy: 'Restore the fields that are named, or build a new cluster.',
    httpStatus: 422,
  },
  'CAP-1011': {
    title: 'This part of the specification is not available yet',
    cause: 'The field is part of the schema, but this version of Capstan cannot build it.',
    remedy: 'Remove the field that is named.',
    httpStatus: 422,
  },
  'CAP-1012': {
    title: 'The subscription or resource group is not allowed',
    cause: 'CAPSTAN_ALLOWED_SUBSCRIPTIONS or CAPSTAN_ALLOWED_RESOURCE_GROUPS does not list it.',
    remedy: 'Use one that is listed, or ask the operator of this Capstan to add it.',
    httpStatus: 403,
  },
  'CAP-1013': {
    title: 'Not found',
    cause: 'No cluster, request or operation has this name.',
    remedy: 'List the clusters with GET /api/clusters.',
    httpStatus: 404,
  },
  'CAP-1014': {
    title: 'The queue message cannot be understood',
    cause: 'It is not JSON, does not follow the message schema, names an unknown schemaVersion, or is too large.',
    remedy: 'Send { schemaVersion: "1", operation, requestId, cluster } or a blob reference with its SHA-256.',
    httpStatus: 400,
  },
  'CAP-1015': {
    title: 'The referenced request blob does not match',
    cause: 'The blob is missing, too large, or its SHA-256 differs from the one in the message.',
    remedy: 'Upload the request to the container requests first and send its true SHA-256.',
    httpStatus: 400,
  },
  'CAP-1016': {
    title: 'A body without Content-Length',
    cause: 'The Functions host drops chunked request bodies, so the body would arrive empty.',
    remedy: 'Send the request with a Content-Length header.',
    httpStatus: 411,
  },
  'CAP-1017': {
    title: 'The cluster is not ready for this',
    cause: 'The cluster has not reached the step that makes this possible.',
    remedy: 'Look at GET /api/clusters/{name} and try again when the step is done.',
    httpStatus: 409,
  },
  'CAP-1018': {
    title: 'The operator role is required',
    cause: 'Platform authentication is on and the caller does not have the operator role.',
    remedy: 'Ask for the role capstan.operator in the Entra application.',
    httpStatus: 403,
  },
  'CAP-1019': {
    title: 'A pool has no zone left',
    cause: 'None of the zones asked for exists in the region or offers the VM size.',
    remedy: 'Choose other zones or another VM size; the message lists what the region offers.',
    httpStatus: 400,
  },
  'CAP-1020': {
    title: 'The request id was used for another request',
    cause: 'A request with this id but different content was accepted before.',
    remedy: 'Use a new requestId for a new request.',
    httpStatus: 409,
  },
  'CAP-1021': {
    title: 'The private gateway does not fit the cluster',
    cause: 'There is no gateway of this name, or the cluster is not in its network with a private account of its own.',
    remedy:
      'Use static placement in the network of the gateway, and name a storage account of yours with networkAccess private.',
    httpStatus: 400,
  },
  'CAP-1022': {
    title: 'The private gateway is in use',
    cause: 'Clusters that are not deleted name it.',
    remedy: 'Delete the clusters that are named first; a gateway may be changed at any time, for clusters to come.',
    httpStatus: 409,
  },
  'CAP-1023': {
    title: 'Kubernetes goes up one minor version at a time',
    cause: 'The version asked for is more than one minor version above the one the cluster runs.',
    remedy: 'Apply the next minor version first, wait until the cluster is Ready, then go on.',
    httpStatus: 422,
  },
  'CAP-1024': {
    title: 'A queued request was dropped',
    cause: 'The cluster was deleted, or the request no longer fits the cluster, when its turn came.',
    remedy: 'Read the event of the request, then send it again under a new requestId.',
    httpStatus: 409,
  },
});
