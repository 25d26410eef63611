import { immediate } from '../catalogue/profiles.ts';
import type { Principal } from '../../service.ts';
import { ArmError, emptyReply, groupNotFound, jsonReply } from '../engine/errors.ts';
import { checkLocks } from '../engine/governance.ts';
import { groupKeyOf, nameOf, parseResourceId, subscriptionOf, typeOf } from '../engine/ids.ts';
import { isObject, type Json, type JsonObject, object, objects, text } from '../engine/json.ts';
import type { Call, Kind, World } from '../engine/model.ts';
import { operationHeaders, startOperation } from '../engine/operations.ts';
import { pageReply } from '../engine/paging.ts';
import { type Address, addressOf, operationsAt, versionsOf } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';
import { wireOf, withProperties } from '../engine/view.ts';
import { invalidTemplate } from '../template/expression.ts';
import { readTemplate, type Template, type TemplateResource, type TemplateSurroundings } from '../template/template.ts';
import type { Handlers } from './handlers.ts';
import { subscriptionWire } from './subscriptions.ts';

export const DEPLOYMENTS = 'Microsoft.Resources/deployments';

/** One resource of a running deployment. */
interface Task {
  readonly id: string;
  readonly version: string;
  readonly dependsOn: readonly string[];
  readonly state: 'Waiting' | 'Running' | 'Succeeded' | 'Failed' | 'Canceled';
  /** Operation of the resource provider, while it runs and afterwards. */
  readonly operation?: string | undefined;
  readonly error?: JsonObject | undefined;
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
}

/** Azure seconds between two looks at the resources. */
const STEP_SECONDS = 2;

function tasksOf(deployment: Resource): readonly Task[] {
  return objects(deployment.hidden['tasks']) as unknown as readonly Task[];
}

function surroundingsOf(world: World, path: string, name: string, principal: Principal): TemplateSurroundings {
  const group = world.store.get(groupKeyOf(path));
  if (group === undefined) throw groupNotFound(path.split('/')[4] ?? '');
  const { id, location, tags } = wireOf(world, group);
  return {
    subscription: subscriptionWire(world, subscriptionOf(group.key)),
    group: { id, name: group.name, location, tags: object(tags), properties: { provisioningState: group.state } },
    tenantId: world.tenantId,
    deploymentName: name,
    now: new Date(world.clock.now()).toISOString(),
    newGuid: () => world.random.uuid(),
    reference(id, full) {
      const resource = world.store.get(id.toLowerCase());
      if (resource === undefined) return undefined;
      const { id: _id, name: _name, type: _type, ...rest } = wireOf(world, resource);
      if (!full) return object(rest['properties']);
      return { ...rest, subscriptionId: subscriptionOf(id), resourceGroupName: id.split('/')[4], resourceId: id };
    },
    list(action, id, version) {
      const reply = world.submit({ method: 'POST', path: `${id}/${action}`, version, body: {} }, principal);
      return JSON.parse(reply.body?.toString() ?? 'null') as Json;
    },
  };
}

/** Reads what a PUT or a validation sends; throws InvalidTemplate or 501 for what is not modelled. */
function read(world: World, call: Call, address: Address): Template {
  const properties = object(call.body['properties']);
  const refuse = (what: string) =>
    new ArmError(501, 'NotModelledBySimulator', `Azure's deployments know ${what}; the simulated Azure does not.`, {
      unmodelled: true,
    });
  if (properties['templateLink'] !== undefined) throw refuse('templateLink: send the template itself');
  if (properties['parametersLink'] !== undefined) throw refuse('parametersLink: send the parameters themselves');
  const mode = text(properties['mode'])?.toLowerCase();
  if (mode === 'complete') throw refuse('the mode Complete: use Incremental');
  if (mode !== 'incremental')
    throw new ArmError(400, 'InvalidDeploymentMode', "The 'mode' of a deployment is Incremental or Complete.");
  const template = typeof properties['template'] === 'string' ? parsed(properties['template']) : properties['template'];
  if (!isObject(template)) throw invalidTemplate('The template is missing');
  const surroundings = surroundingsOf(world, address.path, address.names[0] ?? '', call.principal);
  const result = readTemplate(template, object(properties['parameters']), surroundings);
  for (const resource of result.resources) checkResource(resource);
  return result;
}

function parsed(source: string): Json {
  try {
    return JSON.parse(source) as Json;
  } catch {
    throw invalidTemplate('The template is not JSON');
  }
}

/** The engine's own checks before anything is written: type and api-version exist. */
function checkResource(resource: TemplateResource): void {
  const address = addressOf(resource.id);
  const operations = operationsAt(address);
  const bad = (message: string): ArmError =>
    new ArmError(400, 'InvalidTemplateDeployment', `The template deployment failed: ${message}`, { cause: 'gateway' });
  if (!operations.some((operation) => operation.method === 'PUT'))
    throw bad(`no resource type of the simulated Azure is at '${resource.id}'.`);
  const versions = versionsOf(address, operations);
  if (!versions.includes(resource.version))
    throw bad(
      `the resource '${resource.id}' has the unknown api-version '${resource.version}'; known: ${versions.join(', ')}.`,
    );
}

function shownTemplate(template: Template): JsonObject {
  const dependencies = template.resources
    .filter(({ dependsOn }) => dependsOn.length > 0)
    .map(({ id, dependsOn }) => ({ ...part(id), dependsOn: dependsOn.map(part) }));
  return { dependencies, providers: providersOf(template.resources) };
}

function part(id: string): JsonObject {
  const parsedId = parseResourceId(id);
  return { id, resourceType: parsedId === undefined ? '' : typeOf(parsedId), resourceName: nameOf(id) };
}

function providersOf(resources: readonly TemplateResource[]): JsonObject[] {
  const namespaces = [...new Set(resources.map(({ id }) => addressOf(id).provider))];
  return namespaces.map((namespace) => ({
    namespace,
    resourceTypes: [
      ...new Set(
        resources
          .filter(({ id }) => addressOf(id).provider === namespace)
          .map(({ id }) => addressOf(id).types.join('/')),
      ),
    ].map((resourceType) => ({ resourceType })),
  }));
}

function shownParameters(call: Call, parameters: JsonObject): JsonObject {
  const declared = object(object(object(call.body['properties'])['template'])['parameters']);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      const type = text(object(declared[name])['type']) ?? 'String';
      return [name, /^secure/iu.test(type) ? { type } : { type, value }];
    }),
  );
}

function put(world: World, call: Call, address: Address) {
  const name = address.names[0] ?? '';
  if (!/^[\w.()-]{1,64}$/u.test(name))
    throw new ArmError(
      400,
      'InvalidDeploymentName',
      `The deployment name '${name}' is not valid: 1 to 64 letters, digits, '-', '_', '.', '(' or ')'.`,
    );
  const key = address.path.toLowerCase();
  const existing = world.store.get(key);
  if (existing?.busy !== undefined)
    throw new ArmError(
      409,
      'DeploymentActive',
      `Unable to edit or replace deployment '${name}': previous deployment is still active (status: ${existing.state}).`,
      { cause: 'gateway' },
    );
  checkLocks(world, address.path, 'write');
  const template = read(world, call, address);
  const properties = object(call.body['properties']);
  // Values are kept as they were worked out: defaults such as newGuid() must not change while the deployment runs.
  const values = Object.fromEntries(Object.entries(template.parameters).map(([own, value]) => [own, { value }]));
  const tasks = template.resources.map(
    ({ id, version, dependsOn }): Task => ({ id, version, dependsOn, state: 'Waiting' }),
  );
  const deployment: Resource = {
    key,
    id: existing?.id ?? address.path,
    type: DEPLOYMENTS,
    name,
    body: call.body['tags'] === undefined ? {} : { tags: call.body['tags'] },
    // Not in the body: ids in there would count as uses of what was deployed.
    hidden: {
      shown: {
        mode: 'Incremental',
        parameters: shownParameters(call, template.parameters),
        correlationId: world.random.uuid(),
        timestamp: new Date(world.clock.now()).toISOString(),
        ...shownTemplate(template),
      },
      template: typeof properties['template'] === 'string' ? parsed(properties['template']) : properties['template'],
      values,
      tasks: tasks as unknown as readonly JsonObject[],
      principal: { ...call.principal },
    },
    state: 'Accepted',
    childStates: {},
    etag: '',
    busy: undefined,
    createdAt: world.clock.now(),
  };
  world.store.put(deployment);
  const operation = startOperation(world, call, deployment, { kind: 'steps', label: 'Deployment', seconds: 1 });
  world.store.put({ ...deployment, busy: operation.id });
  const profile = { status: 201, headers: 'async', seconds: 1, body: 'resource' } as const;
  return jsonReply(
    existing === undefined ? 201 : 200,
    wireOf(world, deployment),
    operationHeaders(world, operation, profile),
  );
}

/** What the operation of a resource says by now. */
function look(world: World, task: Task): Task {
  const operation = task.operation === undefined ? undefined : world.store.operation(task.operation);
  if (operation?.status === 'InProgress') return task;
  const ended = { ...task, endedAt: world.clock.now() };
  if (operation === undefined || operation.status === 'Succeeded') return { ...ended, state: 'Succeeded' };
  return {
    ...ended,
    state: 'Failed',
    error: operation.error ?? { code: operation.status, message: 'The operation was canceled.' },
  };
}

/** The operation that a write has begun: at the resource, or at its parent for an embedded child. */
function operationOf(world: World, id: string): string | undefined {
  const own = world.store.get(id.toLowerCase());
  return (own ?? world.store.get(id.split('/').slice(0, -2).join('/').toLowerCase()))?.busy;
}

function begin(world: World, task: Task, template: Template, principal: Principal): Task {
  const resource = template.resources.find(({ id }) => id === task.id);
  if (resource === undefined) return task;
  const startedAt = task.startedAt ?? world.clock.now();
  try {
    world.submit({ method: 'PUT', path: task.id, version: task.version, body: template.bodyOf(resource) }, principal);
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    // The engine repeats what the provider calls retryable.
    if (error.status === 429 || error.code === 'AnotherOperationInProgress') return { ...task, startedAt };
    return { ...task, startedAt, state: 'Failed', error: error.body(), endedAt: world.clock.now() };
  }
  return look(world, { ...task, startedAt, state: 'Running', operation: operationOf(world, task.id) });
}

function step(world: World, deployment: Resource): number | JsonObject | undefined {
  const principal = deployment.hidden['principal'] as unknown as Principal;
  const surroundings = surroundingsOf(world, deployment.id, deployment.name, principal);
  const template = readTemplate(
    object(deployment.hidden['template']),
    object(deployment.hidden['values']),
    surroundings,
  );
  let tasks = tasksOf(deployment).map((task) => (task.state === 'Running' ? look(world, task) : task));
  const broken = tasks.some(({ state }) => state === 'Failed');
  const done = new Set(tasks.filter(({ state }) => state === 'Succeeded').map(({ id }) => id));
  tasks = tasks.map((task) => {
    if (task.state !== 'Waiting' || !task.dependsOn.every((id) => done.has(id))) return task;
    return broken ? { ...task, state: 'Canceled' } : begin(world, task, template, principal);
  });
  const save = (state: string, properties: JsonObject = {}): void => {
    const current = world.store.get(deployment.key) ?? deployment;
    const shown = {
      ...object(current.hidden['shown']),
      timestamp: new Date(world.clock.now()).toISOString(),
      ...properties,
    };
    const done = { ...current.hidden, shown, tasks: tasks as unknown as readonly JsonObject[] };
    world.store.put({ ...current, state, hidden: done });
  };
  save('Running');
  if (tasks.some(({ state }) => state === 'Running')) return STEP_SECONDS;
  const failures = tasks.filter(({ state }) => state === 'Failed');
  if (failures.length > 0) {
    const error = deploymentError(deployment, failures);
    save('Failed', { error, duration: durationSince(world, deployment.createdAt) });
    return error;
  }
  if (tasks.some(({ state }) => state === 'Waiting')) return STEP_SECONDS;
  try {
    const outputResources = tasks.map(({ id }) => ({ id }));
    save('Running', {
      outputs: template.outputs(),
      outputResources,
      duration: durationSince(world, deployment.createdAt),
    });
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    const wrapped = deploymentError(deployment, [
      { error: { ...error.body(), code: 'DeploymentOutputEvaluationFailed' } },
    ]);
    save('Failed', { error: wrapped });
    return wrapped;
  }
  return undefined;
}

function deploymentError(
  deployment: Resource,
  failures: readonly { readonly error?: JsonObject | undefined }[],
): JsonObject {
  return {
    code: 'DeploymentFailed',
    target: deployment.id,
    message:
      'At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details.',
    details: failures.map(({ error }) => error ?? {}),
  };
}

function durationSince(world: World, since: number): string {
  return `PT${(((world.clock.now() - since) / 1000) * world.clock.timeScale).toFixed(3)}S`;
}

/** Microsoft.Resources/deployments: a template is deployed resource by resource, in the order of its dependencies. */
export const deployments: Kind = {
  type: DEPLOYMENTS,
  label: 'Deployment',
  tracked: false,
  etags: false,
  states: true,
  create: immediate(201),
  update: immediate(200),
  delete: {
    status: 202,
    headers: 'location',
    retryAfter: 15,
    pollRetryAfter: 5,
    seconds: 5,
    state: 'Deleting',
    body: 'empty',
  },
  checkName: () => undefined,
  notFound: (name) =>
    new ArmError(404, 'DeploymentNotFound', `Deployment '${name}' could not be found.`, { cause: 'gateway' }),
  prepare: (_world, request) => ({ body: request.body }),
  view: (_world, deployment, wire) => withProperties(wire, object(deployment.hidden['shown'])),
  step,
};

function deploymentAt(world: World, asked: string): Resource {
  const path = asked.replace(
    /(?<group>\/resourceGroups\/[^/]+)\/deployments\//iu,
    '$<group>/providers/Microsoft.Resources/deployments/',
  );
  const [id = ''] =
    /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/[^/]+\/deployments\/[^/]+/iu.exec(path) ?? [];
  if (world.store.get(groupKeyOf(path)) === undefined) throw groupNotFound(path.split('/')[4] ?? '');
  const deployment = world.store.get(id.toLowerCase());
  if (deployment === undefined)
    throw new ArmError(404, 'DeploymentNotFound', `Deployment '${nameOf(id)}' could not be found.`, {
      cause: 'gateway',
    });
  return deployment;
}

function listOperations(world: World, call: Call, address: Address) {
  const deployment = deploymentAt(world, address.path);
  const begun = tasksOf(deployment).filter(({ state }) => state !== 'Waiting');
  return pageReply(
    world,
    call.request,
    begun.map((task) => operationWire(world, deployment, task)),
  );
}

function operationWire(world: World, deployment: Resource, task: Task): JsonObject {
  const operationId = world.random.filler(16, 'deployment operation', deployment.key, task.id).toUpperCase();
  const id = parseResourceId(task.id);
  return {
    id: `${deployment.id}/operations/${operationId}`,
    operationId,
    properties: {
      provisioningOperation: 'Create',
      provisioningState: task.state,
      timestamp: new Date(task.endedAt ?? task.startedAt ?? deployment.createdAt).toISOString(),
      duration: durationSince(world, task.startedAt ?? world.clock.now()),
      statusCode: task.error === undefined ? 'OK' : 'Conflict',
      ...(task.error === undefined ? {} : { statusMessage: { error: task.error } }),
      targetResource: {
        id: task.id,
        resourceType: id === undefined ? '' : typeOf(id),
        resourceName: id?.names.join('/') ?? '',
      },
    },
  };
}

const AT = '/subscriptions/{}/resourcegroups/{}/providers/microsoft.resources/deployments/{}';

export const deploymentHandlers: Handlers = {
  [`PUT ${AT}`]: put,
  [`POST ${AT}/validate`](world, call, address) {
    const template = read(world, call, address);
    return jsonReply(200, {
      id: address.path.split('/').slice(0, -1).join('/'),
      name: address.names[0],
      type: DEPLOYMENTS,
      properties: {
        mode: 'Incremental',
        provisioningState: 'Succeeded',
        timestamp: new Date(world.clock.now()).toISOString(),
        correlationId: world.random.uuid(),
        parameters: shownParameters(call, template.parameters),
        ...shownTemplate(template),
        validatedResources: template.resources.map(({ id }) => ({ id })),
      },
    });
  },
  [`POST ${AT}/cancel`](world, _call, address) {
    const deployment = deploymentAt(world, address.path);
    const running = deployment.busy === undefined ? undefined : world.store.operation(deployment.busy);
    if (running === undefined)
      throw new ArmError(
        409,
        'DeploymentCannotBeCancelled',
        `The deployment '${deployment.name}' cannot be cancelled: it is not active (status: ${deployment.state}).`,
        { cause: 'gateway' },
      );
    world.store.putOperation({
      ...running,
      status: 'Canceled',
      endedAt: world.clock.now(),
      error: { code: 'DeploymentCanceled', message: 'The deployment was canceled.' },
    });
    const tasks = tasksOf(deployment).map((task) => (task.state === 'Waiting' ? { ...task, state: 'Canceled' } : task));
    world.store.put({
      ...deployment,
      state: 'Canceled',
      busy: undefined,
      hidden: { ...deployment.hidden, tasks: tasks as unknown as readonly JsonObject[] },
    });
    return emptyReply(204);
  },
  [`POST ${AT}/exporttemplate`]: (world, _call, address) =>
    jsonReply(200, { template: object(deploymentAt(world, address.path).hidden['template']) }),
  [`GET ${AT}/operations`]: listOperations,
  'GET /subscriptions/{}/resourcegroups/{}/deployments/{}/operations': listOperations,
  [`GET ${AT}/operations/{}`](world, _call, address) {
    const deployment = deploymentAt(world, address.path);
    const found = tasksOf(deployment)
      .map((task) => operationWire(world, deployment, task))
      .find((wire) => wire['operationId'] === address.names[1]);
    if (found === undefined)
      throw new ArmError(
        404,
        'DeploymentOperationNotFound',
        `The deployment operation '${address.names[1] ?? ''}' could not be found.`,
        { cause: 'gateway' },
      );
    return jsonReply(200, found);
  },
};
