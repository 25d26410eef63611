import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fnv32a, shortHash } from '#domain/names/hash.ts';
import { imageBaseName, storageAccountCandidates } from '#domain/names/names.ts';
import { ownedTag, reservedWords, resourceTags } from '#domain/names/tags.ts';
import { criticalPathSeconds, stepSeconds } from '#domain/plan/estimate.ts';
import { waves } from '#domain/plan/resources.ts';
import { provisionSteps } from '#domain/steps.ts';
import { sampleFacts, samplePlan } from '../../support/sample-plan.ts';

describe('names', () => {
  it('hashes as FNV-1a does', () => {
    // Published test vectors of the FNV reference.
    expect(fnv32a('')).toBe('811c9dc5');
    expect(fnv32a('a')).toBe('e40c292c');
    expect(fnv32a('foobar')).toBe('bf9cf968');
  });

  it('makes short hashes of the length asked for, from letters that form no words', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 12 }), (text, length) => {
        expect(shortHash(text, length)).toMatch(new RegExp(`^[bcdfghjklmnpqrstvwxz2-9]{${length}}$`));
        expect(shortHash(text, length)).toBe(shortHash(text, length));
      }),
    );
  });

  it('gives storage account candidates that Azure accepts and that differ', () => {
    const names = storageAccountCandidates('s', 'Group', 'westeurope');
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]{3,24}$/);
    expect(storageAccountCandidates('S', 'group', 'westeurope')).toEqual(names);
  });

  it('reduces any image address to a usable name', () => {
    expect(imageBaseName('https://h.example/a/Ubuntu 24.04 (x).VHD?sig=secret')).toBe('ubuntu-24.04-x');
    expect(imageBaseName('https://h.example/')).toBe('image');
  });
});

describe('tags', () => {
  it('finds reserved words in any letter case', () => {
    expect(reservedWords('myAzureTeam')).toEqual(['azure']);
    expect(reservedWords('WINDOWS-Microsoft')).toEqual(['microsoft', 'windows']);
    expect(reservedWords('finance')).toEqual([]);
  });

  it('marks what a cluster owns as CAPZ does', () => {
    expect(resourceTags('demo', { department: 'finance' }, { name: 'demo-vnet', role: 'common' })).toEqual({
      department: 'finance',
      [ownedTag('demo')]: 'owned',
      'sigs.k8s.io_cluster-api-provider-azure_role': 'common',
      Name: 'demo-vnet',
    });
    expect(resourceTags('demo', {}, { name: 'vm', machine: true })).toMatchObject({
      'kubernetes.io_cluster_demo': 'owned',
    });
  });
});

describe('the plan', () => {
  it('is the same for the same input', () => {
    expect(samplePlan()).toEqual(samplePlan());
  });

  it('orders resources so that everything needed comes first', () => {
    const plan = samplePlan();
    const done = new Set<string>();
    for (const { id: step } of provisionSteps) {
      for (const wave of waves(plan.resources, step)) {
        for (const key of wave) {
          const resource = plan.resources.find((candidate) => candidate.key === key)!;
          for (const need of resource.needs) expect(done, `${key} needs ${need}`).toContain(need);
        }
        for (const key of wave) done.add(key);
      }
    }
    expect(done.size).toBe(plan.resources.length);
  });

  it('reports a circle instead of waiting for ever', () => {
    const [first] = samplePlan().resources;
    const circle = [
      { ...first!, key: 'a', needs: ['b'] },
      { ...first!, key: 'b', needs: ['a'] },
    ];
    expect(() => waves(circle, first!.step)).toThrow(/circle/);
  });

  it('uses an availability set and one MachineDeployment per pool where the region has no zones', () => {
    const size = { family: 'f', cores: 2, memoryGiB: 8, zones: [] };
    const plan = samplePlan({ facts: { regionZones: [], vmSizes: { Standard_D2s_v5: size, Standard_D4s_v5: size } } });
    expect(plan.controlPlane).toMatchObject({ zone: undefined, zones: [], availabilitySet: 'demo_control-plane-as' });
    expect(plan.pools[0]!.shards).toEqual([{ zone: undefined, replicas: 5, machineDeployment: 'demo-general' }]);
    expect(plan.resources.map((resource) => resource.kind)).toContain('availabilitySet');
  });

  it('leaves out a zone in which the VM size is restricted', () => {
    const facts = sampleFacts();
    const restricted = {
      ...facts.vmSizes,
      Standard_D4s_v5: { ...facts.vmSizes['Standard_D4s_v5']!, zones: ['1', '2'] },
    };
    const plan = samplePlan({ facts: { vmSizes: restricted } });
    expect(plan.pools[0]!.shards.map(({ zone, replicas }) => [zone, replicas])).toEqual([
      ['1', 3],
      ['2', 2],
    ]);
  });

  it('never writes a network of the user', () => {
    const subnet = (name: string, cidr: string) => ({ id: `/v/subnets/${name}`, name, cidr });
    const plan = samplePlan({
      spec: {
        network: {
          placement: 'static',
          resourceGroup: 'network',
          virtualNetwork: 'corp-vnet',
          controlPlaneSubnet: 'cp',
          workerSubnet: 'w',
        },
      },
      facts: {
        staticNetwork: {
          virtualNetworkId: '/v',
          cidrs: ['10.60.0.0/16'],
          controlPlaneSubnet: subnet('cp', '10.60.0.0/24'),
          workerSubnet: subnet('w', '10.60.1.0/24'),
        },
      },
    });
    const network = plan.resources.filter((resource) => resource.step === 'network');
    expect(network.filter((resource) => resource.owned).map((resource) => resource.kind)).toEqual([
      'publicIPAddress',
      'loadBalancer',
    ]);
    expect(plan.resources.find((resource) => resource.key === 'networkRole')?.detail).toEqual({
      role: 'Network Contributor',
      scope: '/v',
    });
  });

  it('copies nothing for an image of a gallery', () => {
    const id = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/x/images/y/versions/1.0.0';
    const plan = samplePlan({ spec: { image: { gallery: { id } } } });
    expect(plan.image).toMatchObject({ form: 'userGallery', id });
    expect(plan.resources.filter((resource) => resource.step === 'image')).toEqual([]);
  });

  it('makes a gallery version when asked to', () => {
    const plan = samplePlan({ spec: { image: { vhd: 'https://h.example/a.vhd', as: 'galleryVersion' } } });
    expect(plan.resources.filter((resource) => resource.step === 'image').map((resource) => resource.kind)).toEqual([
      'storageAccount',
      'blobContainer',
      'gallery',
      'galleryImage',
      'galleryImageVersion',
    ]);
  });

  it('expects the sample cluster after 10 to 25 minutes of Azure time', () => {
    const plan = samplePlan();
    expect(criticalPathSeconds(plan) / 60).toBeGreaterThan(10);
    expect(criticalPathSeconds(plan) / 60).toBeLessThan(25);
    expect(stepSeconds(plan, 'controlPlaneScale')).toBe(340);
  });
});
