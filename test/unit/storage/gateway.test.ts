import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { gatewayDocument, gatewayProblems, inheritGateway } from '#domain/storage/gateway.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

let certificate = '';
beforeAll(async () => {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=corp',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  certificate = made.toString('pem');
});

const gateway = {
  virtualNetwork: { resourceGroup: 'network', name: 'corp-vnet' },
  httpsProxy: 'http://proxy.corp.example:3128',
  noProxy: ['.corp.example'],
};
const network = {
  placement: 'static',
  resourceGroup: 'network',
  virtualNetwork: 'corp-vnet',
  controlPlaneSubnet: 'corp-control-plane',
  workerSubnet: 'corp-workers',
};
const storage = { account: 'corpimages0001', networkAccess: 'private' };

describe('a private gateway', () => {
  it('holds a network, proxies and certificates', () => {
    expect(gatewayDocument.parse({ ...gateway, trustedCa: `${certificate}\n${certificate}\n` })).toMatchObject(gateway);
  });

  it.each([
    ['no certificate', { trustedCa: 'hello' }],
    [
      'something beside the certificates',
      () => ({ trustedCa: `${certificate}\n-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----` }),
    ],
    ['a broken certificate', { trustedCa: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }],
    ['a password in the proxy URL', { httpProxy: 'http://user:secret@proxy.corp.example' }],
    ['a proxy that is none', { httpProxy: 'ftp://proxy.corp.example' }],
    ['a field that does not exist', { proxy: 'x' }],
  ])('is refused with %s', (_, patch) => {
    const part = typeof patch === 'function' ? patch() : patch;
    expect(gatewayDocument.safeParse({ ...gateway, ...part }).success).toBe(false);
  });

  it('fits a cluster in its network with a private account of the user', () => {
    const { spec } = sampleDocument({ network, storage, gateway: 'corp' });
    expect(gatewayProblems(spec, 'corp', gateway)).toEqual([]);
  });

  it.each([
    ['dynamic placement', { storage }, 'spec.network.placement'],
    ['another network', { network: { ...network, virtualNetwork: 'other' }, storage }, 'spec.network.virtualNetwork'],
    ['another group', { network: { ...network, resourceGroup: 'other' }, storage }, 'spec.network.virtualNetwork'],
    ['no account', { network, storage: { networkAccess: 'private' } }, 'spec.storage.account'],
    ['an open account', { network, storage: { account: 'corpimages0001' } }, 'spec.storage.networkAccess'],
  ])('does not fit %s', (_, patch, path) => {
    const { spec } = sampleDocument(patch);
    expect(gatewayProblems(spec, 'corp', gateway).map((problem) => problem.path.join('.'))).toEqual([path]);
  });

  it('lends its network and proxies, and leaves what the request says', () => {
    const { spec } = sampleDocument({ network, storage });
    expect(inheritGateway(spec, gateway).proxy).toEqual({
      httpsProxy: 'http://proxy.corp.example:3128',
      noProxy: ['.corp.example'],
    });
    const own = sampleDocument({ network, storage, proxy: { httpProxy: 'http://mine.example:80' } });
    expect(inheritGateway(own.spec, gateway).proxy).toMatchObject({ httpProxy: 'http://mine.example:80' });
    const bare = { ...spec, network: { ...spec.network, virtualNetwork: undefined, resourceGroup: undefined } };
    expect(inheritGateway(bare as never, gateway).network).toMatchObject({
      virtualNetwork: 'corp-vnet',
      resourceGroup: 'network',
    });
  });
});
