import { defineErrors } from './entry.ts';

/** 5xxx: agent installation and hand-over. */
export const pivotErrors = defineErrors({
  'CAP-5001': {
    title: 'A component manifest is not usable',
    cause:
      'It is not valid YAML, has an object without kind or name, or uses a variable that has neither value nor default.',
    remedy: 'Run npm run components -- verify; put the released manifest into the components container again.',
    httpStatus: 500,
  },
  'CAP-5002': {
    title: 'The cluster refused a component object',
    cause: 'The API server or an admission webhook rejected it.',
    remedy: 'Look at the message of the API server; check that the component version supports the Kubernetes version.',
    httpStatus: 502,
  },
  'CAP-5003': {
    title: 'A component does not become available',
    cause: 'A Deployment reports a failure, for instance pods that no node can take or an image that cannot be pulled.',
    remedy: 'Correct what the cause names and apply again.',
    httpStatus: 502,
  },
  'CAP-5004': {
    title: 'A provider cannot be upgraded in one step',
    cause: 'The cluster has a release whose minor version is not the one right before the wanted one.',
    remedy: 'Upgrade one minor version after the other: pull the releases in between into the components container.',
    httpStatus: 409,
  },
  'CAP-5005': {
    title: 'The component bundle is not the one that was pulled',
    cause: 'A file, or the index, has another SHA-256 or another release than it must have. Nothing of it was applied.',
    remedy:
      'Run npm run components -- verify to see what differs, then npm run components -- pull. If nobody changed the container knowingly, find out who did.',
    httpStatus: 500,
  },
  'CAP-5101': {
    title: 'The cluster refused a Cluster API document',
    cause: 'Schema validation or an admission webhook rejected it. Nothing has been handed over.',
    remedy: 'Report the message: the document is made by Capstan. Applying again continues at this object.',
    httpStatus: 502,
  },
  'CAP-5102': {
    title: 'A Cluster API document exists and differs',
    cause: 'An object of this name was made by someone else, or carries another cluster uid.',
    remedy: 'Remove the object that is named, or build the cluster under another name.',
    httpStatus: 409,
  },
  'CAP-5201': {
    title: 'The hand-over was refused by the gate',
    cause:
      'While the cluster was still paused, a check found something that would make the controllers change or rebuild it.',
    remedy: 'The problems are listed. Nothing was handed over; correct them and apply again.',
    httpStatus: 502,
  },
  'CAP-5301': {
    title: 'The hand-over was stopped: a second control-plane machine appeared',
    cause: 'The controllers did not accept the first machine and started to replace it. The cluster is paused again.',
    remedy:
      'Nothing more happens while it is paused. Compare the KubeadmConfig with the KubeadmControlPlane, then apply again.',
    httpStatus: 502,
  },
  'CAP-5302': {
    title: 'The hand-over was stopped: an object is being deleted',
    cause: 'A controller or a person deleted an object of the bundle. The cluster is paused again.',
    remedy: 'Find out who deleted it (events of the namespace), then apply again.',
    httpStatus: 502,
  },
  'CAP-5303': {
    title: 'The hand-over was stopped: the certificate authority changed',
    cause:
      'The secret in the cluster no longer holds the certificate authority that Capstan keeps. The cluster is paused again.',
    remedy: 'Restore the secret from Key Vault before unpausing; nodes that joined since must be replaced.',
    httpStatus: 502,
  },
  'CAP-5304': {
    title: 'The hand-over was stopped: an adopted Azure resource was changed',
    cause:
      'The controllers wrote to a resource that they should have taken over as it is. The cluster is paused again.',
    remedy: 'The changed resources are listed. Report them: the document differs from what Azure holds.',
    httpStatus: 502,
  },
  'CAP-5305': {
    title: 'The hand-over was stopped: a controller reports a terminal failure',
    cause: 'CAPZ gave up on the first machine or on the cluster. The cluster is paused again.',
    remedy: 'The message names the reason, often a missing right of the cluster identity. Correct it and apply again.',
    httpStatus: 502,
  },
});
