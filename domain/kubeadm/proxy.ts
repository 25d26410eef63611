import type { ClusterPlan } from '../plan/types.ts';
import type { KubeadmFile } from './types.ts';

/**
 * Environment of everything on a node that talks to the outside through the proxy; empty without a proxy.
 * The metadata service, the wire server, the node's own networks and the API server are never reached through it.
 */
export function proxyEnvironment(plan: ClusterPlan): Readonly<Record<string, string>> {
  const proxy = plan.spec.proxy;
  if (proxy === undefined) {
    return {};
  }
  const network = plan.network;
  const direct = [
    'localhost',
    '127.0.0.1',
    '169.254.169.254',
    '168.63.129.16',
    ...network.virtualNetwork.cidrs,
    network.podCidr,
    network.serviceCidr,
    network.api.host,
    '.svc',
    '.cluster.local',
    ...proxy.noProxy,
  ];
  const values: Record<string, string> = {};
  if (proxy.httpProxy !== undefined) {
    values['HTTP_PROXY'] = proxy.httpProxy;
  }
  const secure = proxy.httpsProxy ?? proxy.httpProxy;
  if (secure !== undefined) {
    values['HTTPS_PROXY'] = secure;
  }
  values['NO_PROXY'] = [...new Set(direct)].join(',');
  return values;
}

/** Files and commands that give containerd, the kubelet and kubeadm the proxy; empty without one. */
export function proxySetup(plan: ClusterPlan): {
  readonly files: readonly KubeadmFile[];
  readonly commands: readonly string[];
} {
  const entries = Object.entries(proxyEnvironment(plan));
  if (entries.length === 0) {
    return { files: [], commands: [] };
  }
  const unit = [
    '[Service]',
    ...entries.map(([name, value]) => `Environment="${name}=${systemdQuote(value)}"`),
    '',
  ].join('\n');
  const shell = [
    ...entries.flatMap(([name, value]) =>
      [name, name.toLowerCase()].map((variable) => `export ${variable}=${shellQuote(value)}`),
    ),
    '',
  ].join('\n');
  const file = (path: string, content: string): KubeadmFile => ({
    path,
    owner: 'root:root',
    permissions: '0644',
    content,
  });
  return {
    files: [
      file('/etc/systemd/system/containerd.service.d/90-proxy.conf', unit),
      file('/etc/systemd/system/kubelet.service.d/90-proxy.conf', unit),
      file('/etc/capstan/proxy.sh', shell),
    ],
    commands: ['systemctl daemon-reload', 'systemctl restart containerd', '. /etc/capstan/proxy.sh'],
  };
}

/** systemd reads `%` as a specifier and `"`, `\` as quoting (systemd.syntax). */
function systemdQuote(value: string): string {
  return value.replaceAll('%', '%%').replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

function shellQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
