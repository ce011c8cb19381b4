// Tables and queues of the app, the package, and the events that could not be delivered. No keys: identities alone.
param name string
param location string
param tags object

var packages = 'packages'
var deadLetters = 'dead-letters'

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource packageContainer 'containers' = {
      name: packages
      properties: { publicAccess: 'None' }
    }

    resource deadLetterContainer 'containers' = {
      name: deadLetters
      properties: { publicAccess: 'None' }
    }
  }

  resource queues 'queueServices' = {
    name: 'default'
  }

  resource tables 'tableServices' = {
    name: 'default'
  }
}

output name string = account.name
output packageContainer string = packages
output deadLetterContainer string = deadLetters
