// The functions app: Flex Consumption, with one identity for all that it touches, and no secret among its settings.
import { SmsSettings } from 'settings.bicep'

param name string
param planName string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param packageContainer string
param communicationEndpoint string
param insightsName string
param relayEndpoint string
param pythonVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param signInClientId string
param dailySegments int
param eventTopic string
param sms SmsSettings

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        triggers: { http: { perInstanceConcurrency: 32 } }
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'appsettings'
  properties: {
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__accountName: storageName
    AzureWebJobsStorage__clientId: identityClientId
    AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
    AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
    AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
    APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
    // A span for each call of storage would be most of the log; the app makes those that tell something.
    AZURE_TRACING_ENABLED: 'false'
    AZURE_CLIENT_ID: identityClientId
    ACS_ENDPOINT: communicationEndpoint
    SMS_SIGN_IN: empty(signInClientId) ? 'off' : 'on'
    SMS_EVENT_TOPIC: eventTopic
    SMS_REQUESTS_PER_MINUTE: sms.?SMS_REQUESTS_PER_MINUTE ?? ''
    SMS_RECIPIENT_TEXTS_PER_HOUR: sms.?SMS_RECIPIENT_TEXTS_PER_HOUR ?? ''
    SMS_DAILY_SEGMENTS: string(dailySegments)
    SMS_DAILY_SEGMENTS_BY_CALLER: sms.?SMS_DAILY_SEGMENTS_BY_CALLER ?? ''
    SMS_DEFAULT_SENDER: sms.SMS_DEFAULT_SENDER
    SMS_SENDERS: sms.SMS_SENDERS
    SMS_DEFAULT_REGION: sms.?SMS_DEFAULT_REGION ?? ''
    SMS_OPT_OUT_SCOPE: sms.?SMS_OPT_OUT_SCOPE ?? ''
    SMS_OPT_OUT_REPLY: sms.?SMS_OPT_OUT_REPLY ?? ''
    SMS_OPT_IN_REPLY: sms.?SMS_OPT_IN_REPLY ?? ''
    SMS_HELP_REPLY: sms.?SMS_HELP_REPLY ?? ''
    SMS_RELAY_TOPIC_ENDPOINT: relayEndpoint
    SMS_RELAY_SCHEMA: sms.?SMS_RELAY_SCHEMA ?? ''
    SMS_WEBHOOK_URL: sms.?SMS_WEBHOOK_URL ?? ''
    SMS_WEBHOOK_SECRETS: sms.?SMS_WEBHOOK_SECRETS ?? ''
    SMS_WEBHOOK_LOOPBACK: 'off'
    SMS_TABLE_PREFIX: sms.?SMS_TABLE_PREFIX ?? ''
    SMS_QUEUE_PREFIX: sms.?SMS_QUEUE_PREFIX ?? 'sms'
    SMS_IDEMPOTENCY_HOURS: sms.?SMS_IDEMPOTENCY_HOURS ?? ''
    SMS_REPEAT_WINDOW_SECONDS: sms.?SMS_REPEAT_WINDOW_SECONDS ?? ''
    SMS_RESPONSE_WINDOW_HOURS: sms.?SMS_RESPONSE_WINDOW_HOURS ?? ''
    SMS_SEND_WITHIN_MINUTES: sms.?SMS_SEND_WITHIN_MINUTES ?? ''
    SMS_REPORT_WITHIN_HOURS: sms.?SMS_REPORT_WITHIN_HOURS ?? ''
    SMS_QUIET_HOURS: sms.?SMS_QUIET_HOURS ?? ''
    SMS_COUNTRIES: sms.?SMS_COUNTRIES ?? ''
    SMS_PRICES: sms.?SMS_PRICES ?? ''
  }
}

// Whoever comes without a token is let through to the app, which wants a role or, for health alone, nothing.
resource signIn 'Microsoft.Web/sites/config@2025-03-01' = if (!empty(signInClientId)) {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: { requireAuthentication: false, unauthenticatedClientAction: 'AllowAnonymous' }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: signInClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: ['api://${signInClientId}', signInClientId] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}

output name string = site.name
output url string = 'https://${site.properties.defaultHostName}'
