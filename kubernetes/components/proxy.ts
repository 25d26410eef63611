import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { wellKnown } from '#domain/cluster-api/names.ts';

/** Variables of a proxy, e.g. HTTPS_PROXY; empty: no proxy. */
export type ProxyEnvironment = Readonly<Record<string, string>>;

/** Where the pod's spec is in an object of each kind that makes pods. */
const podPaths: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template', 'spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/**
 * Whether a workload goes through the proxy: the label `spectrocloud.com/connection: proxy` on the workload, or on its
 * namespace; the workload's own label wins.
 */
export function wantsProxy(
  object: KubernetesObject,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
): boolean {
  return (object.metadata.labels?.[wellKnown.connection] ?? namespaceLabels?.[wellKnown.connection]) === 'proxy';
}

/**
 * The workload with the proxy's variables in every container, in upper and lower case, because programs read one or
 * the other. Variables that a container sets itself stay as they are. Other kinds come back unchanged.
 */
export function withProxyEnvironment(object: KubernetesObject, environment: ProxyEnvironment): KubernetesObject {
  const path = podPaths[object.kind];
  const pod = path === undefined ? undefined : field(object, ...path);
  if (path === undefined || typeof pod !== 'object' || pod === null || Object.keys(environment).length === 0) {
    return object;
  }
  const variables = Object.entries(environment).flatMap(([name, value]) => [
    { name, value },
    { name: name.toLowerCase(), value },
  ]);
  const containers = (part: 'containers' | 'initContainers') =>
    listField(pod, part).map((container) => {
      const own = listField(container, 'env');
      const set = new Set(own.map((entry) => textField(entry, 'name')));
      return {
        ...(container as object),
        env: [...own, ...variables.filter((variable) => !set.has(variable.name))],
      };
    });
  const init = containers('initContainers');
  const changed = {
    ...pod,
    containers: containers('containers'),
    ...(init.length === 0 ? {} : { initContainers: init }),
  };
  return replaceAt(object, path, changed);
}

function replaceAt<Value extends object>(value: Value, path: readonly string[], replacement: unknown): Value {
  const [key, ...rest] = path;
  if (key === undefined) {
    return replacement as Value;
  }
  const inner = (value as Readonly<Record<string, object>>)[key] ?? {};
  return { ...value, [key]: replaceAt(inner, rest, replacement) };
}
