/** What the walk through the recordings leaves out, or finds different, and why; `docs/simulation.md` has the same table. */
interface Known {
  /** The exchanges that are meant: number, method, status and path. */
  readonly exchanges: RegExp;
  /** The differences that are meant; all when absent. */
  readonly differences?: RegExp;
  readonly reason: string;
}

export const known: readonly Known[] = [
  {
    exchanges:
      /Microsoft\.(?:Sql|ContainerInstance|DomainRegistration|MachineLearningServices|Cdn|CognitiveServices|Quota)\/|Microsoft\.CognitiveServices$|microsoft\.insights\//u,
    reason: 'Providers that Capstan does not use',
  },
  {
    exchanges:
      /Microsoft\.Network\/(?:privateLinkServices|azureFirewalls|networkWatchers|publicIPPrefixes|locations\/[^/]+\/dnsResolver)/u,
    reason: 'Network: private link services, firewalls, watchers, public IP prefixes, DNS resolvers',
  },
  {
    exchanges:
      /Microsoft\.Compute\/(?:snapshots|virtualMachineScaleSets)|asotest-disk-bfyvtk|asotest-image-hkobbe|errors\/41 /u,
    reason:
      'Compute: snapshots (and images of them), disk accesses, proximity placement groups, scale sets of one’s own',
  },
  {
    exchanges: /\/(?:extensions\/|runCommand|generalize|vmSizes)/u,
    reason: 'Machines: extensions, run command, generalize, sizes of one machine',
  },
  {
    exchanges: /maintenanceConfigurations|listCluster(?:User|Admin)Credential/u,
    reason: 'AKS: maintenance windows; credentials are compared where a simulated Kubernetes stands behind them',
  },
  {
    exchanges: /moveResources|policy(?:Assignments|Definitions)\/|Microsoft\.Storage\/usages/u,
    reason: 'Moving resources, writing policies through ARM, usages of storage',
  },
  {
    exchanges: /https:\/.*vault\.azure\.net/u,
    reason: 'Data plane of Key Vault: keys are not modelled; secrets are held by the tests with the real client',
  },
  {
    exchanges:
      /errors\/(?:38|39|40|43|56) |locksAndPolicy\/0 |managedClusters\/18 |resourcesAndTags\/(?:8|9|10|11) |storageAccounts\/18 /u,
    reason: 'The recorder kept no request body',
  },
  {
    exchanges: /errors\/52 |loadBalancers\/1[23] /u,
    reason: 'A reference in the request was taken out by the recorder',
  },
  {
    exchanges:
      /errors\/42 |loadBalancers\/(?:8|9|10|11) |networkInterfaces\/6 |virtualMachineInstanceView\/[0-3] |locksAndPolicy\/1 |subnets\/5 |managedClusters\/1[56] /u,
    reason:
      'Stands on something that the recording does not contain (unmanaged disks, Windows, other subnets, sizes of pools)',
  },
  {
    exchanges: /(?:resourceGroups\/11|resourcesAndTags\/(?:0|1|2|4|5)) /u,
    reason: 'Lists and a subscription with contents of their own',
  },
  {
    exchanges: /errors\/(?:58|68) /u,
    reason:
      'Failing operations of other shapes: a blocked deletion of a group is held by a test of its own; 500 comes by fault rule',
  },
  {
    exchanges: /errors\/32 /u,
    differences: /^status 429, not 409/u,
    reason: 'A busy network is answered 429 RetryableError, of the three recorded ways the most frequent',
  },
  {
    exchanges: /computeSkus|resourcesAndTags\/6|providers\/4/u,
    differences: /^lacks /u,
    reason:
      'Catalogues are shorter: sizes without prices and kinds, regions without coordinates, providers without authorizations',
  },
  {
    exchanges: /galleries\/(?:3|4|7|9) /u,
    differences: /sizeInGB|^state Updating, not Succeeded|endTime/u,
    reason: 'Galleries follow the newer versions of their API (the recording is of 2019)',
  },
  {
    exchanges: /virtualMachines\/(?:1|11) /u,
    differences: /has header etag/u,
    reason: 'Machines carry an ETag as in the newer versions of their API (the recording is of 2022)',
  },
  {
    exchanges: /virtualMachines\/1[012] /u,
    differences: /lacks \.(?:tags|identity)/u,
    reason: 'A policy of the recorded subscription added an identity and a tag to every machine',
  },
  {
    exchanges: /loadBalancers\/[12] |networkInterfaces\/[578] |managedClusters\/[0-3] |managedClusters\/13 /u,
    differences:
      /enableDestinationServiceEndpoint|enableAcceleratedNetworking|issuerURL|defaultNodePools|addonProfiles|poll: lacks \.error|^lacks \.properties\./u,
    reason:
      'Properties that Azure adds by itself in some versions (NAT pools, acceleration, OIDC issuer, add-on identities)',
  },
];
