// What the identity of Capstan may do in the resource group of the clusters.
@description('Object id of the identity of Capstan.')
param principalId string

param clustersRole string
param blobsRole string
param grantRole string

resource clusters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, 'capstan-clusters')
  properties: {
    roleDefinitionId: clustersRole
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource blobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, 'capstan-blobs')
  properties: {
    roleDefinitionId: blobsRole
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Contributor for the identities of clusters, and nothing else.
resource grantsContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, 'capstan-grant')
  properties: {
    roleDefinitionId: grantRole
    principalId: principalId
    principalType: 'ServicePrincipal'
    condition: loadTextContent('roles/grant-contributor.txt')
    conditionVersion: '2.0'
  }
}
