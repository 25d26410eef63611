import type { KubeObject } from '../contract.ts';
import type { Core, WriteContext } from './core.ts';
import { bucketOf } from './kinds.ts';
import { createObject } from './write.ts';

const CONTEXT: WriteContext = {
  fieldManager: 'kube-apiserver',
  dryRun: false,
  fieldValidation: 'Ignore',
  warnings: [],
};
const RBAC = 'rbac.authorization.k8s.io/v1';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

const WORKLOADS: readonly Rule[] = [
  {
    apiGroups: [''],
    resources: [
      'configmaps',
      'endpoints',
      'persistentvolumeclaims',
      'pods',
      'pods/log',
      'services',
      'serviceaccounts',
      'events',
      'limitranges',
      'resourcequotas',
      'namespaces',
    ],
    verbs: READ,
  },
  {
    apiGroups: ['apps', 'batch', 'autoscaling', 'policy', 'networking.k8s.io', 'discovery.k8s.io'],
    resources: ['*'],
    verbs: READ,
  },
];

const EDITABLE: readonly Rule[] = [
  ...WORKLOADS,
  {
    apiGroups: [''],
    resources: ['configmaps', 'endpoints', 'persistentvolumeclaims', 'pods', 'services', 'serviceaccounts', 'secrets'],
    verbs: [...READ, ...WRITE],
  },
  { apiGroups: ['apps', 'batch', 'autoscaling', 'policy', 'networking.k8s.io'], resources: ['*'], verbs: WRITE },
];

/* The default roles that clients of this simulation meet (Kubernetes documentation, "Using RBAC Authorization"). */
const ROLES: Readonly<Record<string, readonly Rule[]>> = {
  'cluster-admin': [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ],
  view: WORKLOADS,
  edit: EDITABLE,
  admin: [
    ...EDITABLE,
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: [...READ, ...WRITE] },
  ],
  'system:discovery': [
    {
      nonResourceURLs: [
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/openapi',
        '/openapi/*',
        '/version',
        '/version/',
        '/healthz',
        '/livez',
        '/readyz',
      ],
      verbs: ['get'],
    },
  ],
  'system:public-info-viewer': [
    { nonResourceURLs: ['/version', '/version/', '/healthz', '/livez', '/readyz'], verbs: ['get'] },
  ],
  'system:basic-user': [
    {
      apiGroups: ['authorization.k8s.io', 'authentication.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectreviews'],
      verbs: ['create'],
    },
  ],
  'system:node': [
    { apiGroups: ['*'], resources: ['*'], verbs: READ },
    { apiGroups: [''], resources: ['nodes', 'nodes/status', 'pods', 'pods/status', 'events'], verbs: WRITE },
    { apiGroups: ['coordination.k8s.io', 'storage.k8s.io'], resources: ['leases', 'csinodes'], verbs: WRITE },
  ],
};

const BINDINGS: readonly (readonly [name: string, role: string, groups: readonly string[]])[] = [
  ['cluster-admin', 'cluster-admin', ['system:masters']],
  ['system:discovery', 'system:discovery', ['system:authenticated']],
  ['system:public-info-viewer', 'system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']],
  ['system:basic-user', 'system:basic-user', ['system:authenticated']],
  ['system:nodes', 'system:node', ['system:nodes']],
];

/** Creates what an API server has from its first start; leaves alone what exists. */
export function bootstrapCluster(core: Core): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    ensure(core, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
  for (const [name, rules] of Object.entries(ROLES))
    ensure(core, { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name, labels }, rules });
  for (const [name, role, groups] of BINDINGS) {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
    const subjects = groups.map((group) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }));
    ensure(core, { apiVersion: RBAC, kind: 'ClusterRoleBinding', metadata: { name, labels }, roleRef, subjects });
  }
  const bootstrapInfo: readonly Rule[] = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
  ensure(core, {
    apiVersion: RBAC,
    kind: 'Role',
    metadata: { name: 'kubeadm:bootstrap-signer-clusterinfo', namespace: 'kube-public' },
    rules: bootstrapInfo,
  });
  ensure(core, {
    apiVersion: RBAC,
    kind: 'RoleBinding',
    metadata: { name: 'kubeadm:bootstrap-signer-clusterinfo', namespace: 'kube-public' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'kubeadm:bootstrap-signer-clusterinfo' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'system:anonymous' }],
  });
}

function ensure(core: Core, object: KubeObject): void {
  const kind = core.registry.byKind(object.apiVersion, object.kind);
  if (kind === undefined) throw new Error(`bootstrap object of an unknown kind: ${object.apiVersion} ${object.kind}`);
  const { namespace = '', name } = object.metadata;
  if (core.store.get(bucketOf(kind), namespace, name) === undefined)
    createObject(core, kind, namespace, object, CONTEXT);
}
