import { defineErrors } from './entry.ts';

/** 6xxx: nodes, pools and add-ons. */
export const workloadErrors = defineErrors({
  'CAP-6001': {
    title: 'A machine cannot be created: quota',
    cause: 'The subscription has too few cores or public addresses left in this region.',
    remedy: 'Raise the quota that is named, or use fewer or smaller machines, then apply again.',
    httpStatus: 422,
  },
  'CAP-6002': {
    title: 'A machine cannot be created: capacity or zone',
    cause: 'Azure has no capacity for this size in this zone, or the size is restricted there.',
    remedy: 'Choose another size or other zones for the pool, or try again later.',
    httpStatus: 422,
  },
  'CAP-6003': {
    title: 'A machine cannot be created: image',
    cause: 'The image is missing, is in another region, or does not fit the size.',
    remedy: 'Check the image that is named, then apply again.',
    httpStatus: 422,
  },
  'CAP-6004': {
    title: 'A machine cannot be created: permission',
    cause: 'The identity of the control plane lacks a right that is needed.',
    remedy: 'Grant the right that is named to the identity that is named.',
    httpStatus: 502,
  },
  'CAP-6005': {
    title: 'A machine does not join the cluster',
    cause: 'The virtual machine runs, but its node did not register or does not become ready.',
    remedy: 'Look at the serial console of the machine that is named.',
    httpStatus: 502,
  },
  'CAP-6006': {
    title: 'A machine failed',
    cause: 'The controller reports a terminal failure for it.',
    remedy: 'Correct what the message names; delete the Machine to have it replaced.',
    httpStatus: 502,
  },
  'CAP-6007': {
    title: 'A rollout is paused',
    cause: 'Somebody paused the Cluster, the control plane or a MachineDeployment: its controllers change nothing.',
    remedy: 'Remove spec.paused or the annotation cluster.x-k8s.io/paused that is named, then apply again.',
    httpStatus: 409,
  },
  'CAP-6008': {
    title: 'Machines run a newer Kubernetes than asked for',
    cause: 'The upgrade had brought control-plane machines up already, and etcd and the API server cannot go back.',
    remedy: 'Apply the newer version again: the run continues from here.',
    httpStatus: 409,
  },
  'CAP-6101': {
    title: 'An add-on manifest is not usable',
    cause: 'It is not valid YAML, or has an object without apiVersion, kind or name.',
    remedy: 'Correct the manifest that is named.',
    httpStatus: 400,
  },
  'CAP-6102': {
    title: 'The cluster refused an object of an add-on',
    cause: 'The API server or an admission webhook rejected it, or its kind does not exist in the cluster.',
    remedy: 'Correct the manifest; the message of the API server names the field.',
    httpStatus: 422,
  },
  'CAP-6103': {
    title: 'An add-on does not become ready',
    cause: 'A workload of the add-on reports a failure.',
    remedy: 'Correct what the cause names and apply again: finished add-ons are not repeated.',
    httpStatus: 502,
  },
  'CAP-6105': {
    title: 'A Helm chart cannot be installed',
    cause: 'The add-on provider for Helm cannot fetch the chart, or the release fails; it has been tried for minutes.',
    remedy:
      'Read the message (chart, version, values, images), correct the add-on and apply again. Other add-ons are not touched.',
    httpStatus: 502,
  },
  'CAP-6106': {
    title: 'A manifest of an add-on is not the one that was asked for',
    cause: 'The blob is not in the container add-ons, or has another SHA-256 than the request names.',
    remedy: 'Put the blob into the container, or correct its SHA-256, and apply again.',
    httpStatus: 409,
  },
  'CAP-6104': {
    title: 'An object of an add-on is managed by someone else',
    cause: 'Another field manager owns fields that the add-on sets to other values.',
    remedy: 'Remove the fields from the manifest, or let the other manager give them up.',
    httpStatus: 409,
  },
});
