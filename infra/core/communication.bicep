param name string
param dataLocation string
param tags object

resource communication 'Microsoft.Communication/communicationServices@2026-03-18' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    // With keys off, the app's identity cannot hand itself one that outlives its roles.
    disableLocalAuth: true
  }
}

output id string = communication.id
output name string = communication.name
output endpoint string = 'https://${communication.properties.hostName}'
