import { defineErrors } from './entry.ts';

/** 4xxx: the first control-plane machine. */
export const bootstrapErrors = defineErrors({
  'CAP-4101': {
    title: 'The user data of the first machine is too large',
    cause:
      'Azure takes at most 64 KiB of customData, and keys, proxy settings or files of the specification exceed it.',
    remedy: 'Use smaller files (spec.nodes.files), fewer SSH keys or a shorter noProxy list.',
    httpStatus: 400,
  },
  'CAP-4102': {
    title: 'The stored keys of the cluster cannot be read',
    cause:
      'A secret in Key Vault is missing, has another form than Capstan wrote, or a key does not belong to its certificate.',
    remedy:
      'Restore the earlier version of the secret in Key Vault. Never delete it: the cluster cannot be reached without it.',
    httpStatus: 500,
  },
  'CAP-4201': {
    title: 'The API server presents a foreign certificate',
    cause: 'Its certificate is not signed by the certificate authority in Key Vault, or is for another name.',
    remedy:
      'Check what answers behind the load balancer; if the machine was rebuilt by hand, delete the cluster and apply again.',
    httpStatus: 502,
  },
  'CAP-4202': {
    title: 'The API server refuses Capstan',
    cause: 'The client certificate or its rights were refused (401 or 403).',
    remedy: 'Check the cluster role bindings of system:masters and the clock of the control-plane machines.',
    httpStatus: 502,
  },
  'CAP-4203': {
    title: 'The first control-plane machine did not become ready',
    cause:
      'The machine runs, but its API server did not answer in time; the serial console names the phase it stopped in.',
    remedy:
      'Correct what the cause names (often the image) and apply again: the run continues from here. Or delete: nothing else will be left.',
    httpStatus: 502,
  },
  'CAP-4204': {
    title: 'The first machine was made from another document',
    cause:
      'A provision that did not come to its end was applied again with another version, image, size, disk, key or proxy. Its first machine answers already and is never changed.',
    remedy:
      'Apply the document as it was; when the cluster is Ready, apply the change: then machines are replaced one after the other. Or delete the cluster and apply this document.',
    httpStatus: 409,
  },
});
