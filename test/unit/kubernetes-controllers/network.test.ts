import { expect, test } from 'vitest';
import { wantedRules } from '#local/kubernetes/controllers/capz/network.ts';
import type { SecurityRule, SubnetSpec } from '#local/kubernetes/controllers/capz/spec.ts';

const rule = (name: string, port: string, action: 'Allow' | 'Deny'): SecurityRule => ({
  name,
  protocol: 'Tcp',
  direction: 'Inbound',
  destinationPorts: port,
  action,
});
const subnet = (role: SubnetSpec['role'], rules: SecurityRule[]): SubnetSpec => ({
  name: 's',
  role,
  securityGroup: { name: 'n', securityRules: rules },
});
const names = (found: readonly SecurityRule[]): string[] => found.map((entry) => entry.name);

test('CAPZ opens SSH and the API on the control plane unless a rule names the port', () => {
  expect(names(wantedRules(subnet('control-plane', [])))).toEqual(['allow_ssh', 'allow_apiserver']);
});

test('a deny rule of our own for port 22 keeps CAPZ from opening SSH', () => {
  expect(
    names(
      wantedRules(subnet('control-plane', [rule('deny_ssh', '22', 'Deny'), rule('allow_apiserver', '6443', 'Allow')])),
    ),
  ).toEqual(['deny_ssh', 'allow_apiserver']);
});

test('worker subnets get nothing added', () => {
  expect(wantedRules(subnet('node', []))).toEqual([]);
});
