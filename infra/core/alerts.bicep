// What somebody should be told of. docs/runbook.md says of each alert what it means and what to do.
import { addedUpHours } from 'hours.bicep'
import { invocations } from 'invocations.bicep'

param token string
param location string
param tags object
param workspaceId string
param topicId string
param email string
param spendPerHour int

var alerts = [
  {
    name: 'failed-sends'
    severity: 1
    window: 'PT15M'
    query: '${invocations}\n| where function in ("send_message", "send_batch", "send_chunk") and failed\n| summarize calls = count() | where calls > 5'
  }
  {
    name: 'failed-work'
    severity: 1
    window: 'PT15M'
    query: 'AppTraces | where Message has "could not be done; GET failures lists it"'
  }
  {
    name: 'webhook-paused'
    severity: 2
    window: 'PT1H'
    query: 'AppTraces | where Message has "The webhook answered 410 and is paused"'
  }
  {
    name: 'no-heartbeat'
    severity: 1
    window: 'PT15M'
    query: '${invocations}\n| where function == "release_due" and outcome == "ok"\n| summarize runs = count() | where runs == 0'
  }
  {
    name: 'delivery-rate'
    severity: 2
    window: 'PT6H'
    query: '${addedUpHours}\n| summarize delivered = sum(delivered), failed = sum(failed) | where delivered + failed >= 50 and delivered < 0.8 * (delivered + failed)'
  }
  {
    name: 'opt-out-spike'
    severity: 2
    window: 'P1D'
    query: '${addedUpHours}\n| summarize optOuts = sum(optOuts), sent = sum(sent) | where sent >= 100 and optOuts > 0.05 * sent'
  }
  {
    name: 'spend'
    severity: 2
    window: 'PT3H'
    query: '${addedUpHours}\n| where cost > ${spendPerHour}'
  }
  {
    name: 'daily-cap'
    severity: 2
    window: 'PT15M'
    query: 'AppTraces | where Message has "The daily cap is reached"'
  }
  {
    name: 'strange-events'
    severity: 3
    window: 'PT1H'
    query: 'AppTraces | where Message has "Kept an event that is of no use here" | summarize events = count() | where events >= 5'
  }
  {
    name: 'leaks'
    severity: 3
    window: 'PT3H'
    query: '${addedUpHours}\n| where leaks > 0'
  }
]

var actionGroups = empty(email) ? [] : [people.id]

resource people 'microsoft.insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-sms-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'sms'
    enabled: true
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: 'sms-${alert.name}'
    location: location
    tags: tags
    properties: {
      displayName: 'SMS: ${alert.name}'
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT15M'
      windowSize: alert.window
      autoMitigate: true
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: actionGroups }
    }
  }
]

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'sms-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    severity: 1
    enabled: true
    scopes: [topicId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'dead-letters'
          criterionType: 'StaticThresholdCriterion'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [for group in actionGroups: { actionGroupId: group }]
  }
}
