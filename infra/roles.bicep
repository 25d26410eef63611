// The custom roles of Capstan (made by `npm run generate` from the calls it really makes) and their assignments.
targetScope = 'subscription'

@description('Object id of the identity of Capstan.')
param principalId string

@description('Resource group of the clusters. It exists already.')
param clusterGroup string

@allowed(['dynamic', 'static'])
param placement string = 'dynamic'

var definitions = {
  subscription: loadJsonContent('roles/subscription.json')
  dynamic: loadJsonContent('roles/dynamic.json')
  static: loadJsonContent('roles/static.json')
  blobs: loadJsonContent('roles/blobs.json')
  grant: loadJsonContent('roles/grant.json')
}
var names = ['subscription', placement, 'blobs', 'grant']

resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for name in names: {
    name: guid(subscription().id, 'capstan', name)
    properties: {
      roleName: '${definitions[name].Name} ${uniqueString(subscription().id)}'
      description: definitions[name].Description
      type: 'CustomRole'
      assignableScopes: [subscription().id]
      permissions: [
        {
          actions: definitions[name].Actions
          notActions: definitions[name].NotActions
          dataActions: definitions[name].DataActions
          notDataActions: definitions[name].NotDataActions
        }
      ]
    }
  }
]

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, 'capstan-subscription')
  properties: {
    roleDefinitionId: roles[0].id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Reader for the identities of clusters: Cluster API lists VM sizes at the subscription.
resource grantsReader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, 'capstan-grant')
  properties: {
    roleDefinitionId: roles[3].id
    principalId: principalId
    principalType: 'ServicePrincipal'
    condition: loadTextContent('roles/grant-reader.txt')
    conditionVersion: '2.0'
  }
}

module group 'roles-group.bicep' = {
  name: 'capstan-roles-${clusterGroup}'
  scope: resourceGroup(clusterGroup)
  params: {
    principalId: principalId
    clustersRole: roles[1].id
    blobsRole: roles[2].id
    grantRole: roles[3].id
  }
}
