// Everything that does not need the code to be there. The event subscriptions do: they are in ../events.
targetScope = 'subscription'

import { SmsSettings } from 'settings.bicep'

@description('Name of the environment: part of the resource group\'s name, and a tag on everything.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region of everything but Communication Services and Event Grid, which are global.')
param location string

@description('Where Communication Services keeps data at rest.')
param dataLocation string = 'United States'

@description('Settings of the app by name; docs/settings.md describes them.')
param sms SmsSettings

@description('Python version of the app.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.12'

@description('Memory of one instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('The most instances of each function group.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('E-mail address that alerts go to. Empty: nobody is told.')
param alertEmail string = ''

@description('Costs of texts in an hour, in the currency of SMS_PRICES, from which on an alert is raised.')
param spendPerHour int = 100

@description('Segments that may be sent in a day, by all callers together. 0: no cap.')
@minValue(0)
@maxValue(1000000000)
param dailySegments int = 20000

@description('Whether a custom Event Grid topic is made, on which the app tells your application what happened.')
param relayTopic bool = true

@description('Client id of the Entra application for sign-in. Empty: function keys alone.')
param signInClientId string = ''

var tags = { 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'identity.bicep' = {
  scope: group
  params: { name: 'id-sms-${token}', location: location, tags: tags }
}

module storage 'storage.bicep' = {
  scope: group
  params: { name: 'stsms${token}', location: location, tags: tags }
}

module monitoring 'monitoring.bicep' = {
  scope: group
  params: { token: token, location: location, tags: tags }
}

module communication 'communication.bicep' = {
  scope: group
  params: { name: 'acs-sms-${token}', dataLocation: dataLocation, tags: tags }
}

module relay 'relay.bicep' = if (relayTopic) {
  scope: group
  params: {
    name: 'evgt-sms-${token}'
    location: location
    tags: tags
    schema: sms.?SMS_RELAY_SCHEMA ?? 'eventGrid'
    principalId: identity.outputs.principalId
    identityId: identity.outputs.id
  }
}

module roles 'roles.bicep' = {
  scope: group
  params: {
    principalId: identity.outputs.principalId
    identityId: identity.outputs.id
    storageName: storage.outputs.name
    communicationName: communication.outputs.name
    insightsName: monitoring.outputs.insightsName
  }
}

module app 'app.bicep' = {
  scope: group
  // The app reads its package and its storage with these roles as soon as it is there.
  dependsOn: [roles]
  params: {
    name: 'func-sms-${token}'
    planName: 'plan-sms-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    packageContainer: storage.outputs.packageContainer
    communicationEndpoint: communication.outputs.endpoint
    insightsName: monitoring.outputs.insightsName
    relayEndpoint: relay.?outputs.endpoint ?? ''
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    signInClientId: signInClientId
    dailySegments: dailySegments
    eventTopic: communication.outputs.id
    sms: sms
  }
}

module topic 'topic.bicep' = {
  scope: group
  params: {
    name: 'evgs-sms-${token}'
    communicationName: communication.outputs.name
    storageName: storage.outputs.name
    deadLetterContainer: storage.outputs.deadLetterContainer
    tags: tags
  }
}

module alerts 'alerts.bicep' = {
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    topicId: topic.outputs.id
    email: alertEmail
    spendPerHour: spendPerHour
  }
}

module workbook 'workbook.bicep' = {
  scope: group
  params: { token: token, location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output SMS_FUNCTION_APP string = app.outputs.name
output SMS_FUNCTION_APP_URL string = app.outputs.url
output SMS_SYSTEM_TOPIC string = topic.outputs.name
output SMS_DEAD_LETTER_CONTAINER string = storage.outputs.deadLetterContainer
output SMS_STORAGE_ACCOUNT string = storage.outputs.name
output SMS_COMMUNICATION_SERVICE string = communication.outputs.name
