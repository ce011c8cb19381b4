// The event subscriptions: they can be made only when the functions are there, so after the first deployment.
targetScope = 'resourceGroup'

param systemTopicName string
param functionAppName string
param storageAccountName string
param deadLetterContainer string

var subscriptions = [
  { name: 'sms-received', function: 'sms_received', eventType: 'Microsoft.Communication.SMSReceived' }
  {
    name: 'sms-delivery-report'
    function: 'sms_delivery_report'
    eventType: 'Microsoft.Communication.SMSDeliveryReportReceived'
  }
]

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: systemTopicName
}

resource site 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageAccountName
}

resource toFunctions 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for one in subscriptions: {
    parent: topic
    name: one.name
    properties: {
      eventDeliverySchema: 'EventGridSchema'
      filter: { includedEventTypes: [one.eventType] }
      destination: {
        endpointType: 'AzureFunction'
        properties: {
          resourceId: '${site.id}/functions/${one.function}'
          maxEventsPerBatch: 1
          preferredBatchSizeInKilobytes: 64
        }
      }
      // As long as Event Grid tries at all: a day.
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: { resourceId: storage.id, blobContainerName: deadLetterContainer }
        }
      }
    }
  }
]
