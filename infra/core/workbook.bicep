// The analytics as a workbook of Azure Monitor, for those who do not call the API.
import { addedUpHours } from 'hours.bicep'
import { invocations } from 'invocations.bicep'

param token string
param location string
param tags object
param workspaceId string

var parts = [
  {
    title: 'Sent, delivered, failed'
    chart: 'timechart'
    query: '${addedUpHours}\n| project hour, sent, delivered, failed, unknown, suppressed'
  }
  {
    title: 'Delivery rate by day'
    chart: 'timechart'
    query: '${addedUpHours}\n| summarize rate = round(100.0 * sum(delivered) / sum(sent), 1) by bin(hour, 1d)'
  }
  {
    title: 'Answers, opt-outs and opt-ins by day'
    chart: 'barchart'
    query: '${addedUpHours}\n| summarize inbound = sum(inbound), responses = sum(responses), optOuts = sum(optOuts), optIns = sum(optIns) by bin(hour, 1d)'
  }
  {
    title: 'Segments and cost by day'
    chart: 'table'
    query: '${addedUpHours}\n| summarize segments = sum(segments), cost = sum(cost), leaks = sum(leaks) by bin(hour, 1d)'
  }
  {
    title: 'Requests to the API'
    chart: 'table'
    query: '${invocations}\n| where trigger == "http" | summarize requests = count(), failed = countif(failed), p95 = percentile(ms, 95) by function | order by requests desc'
  }
]

resource workbook 'microsoft.insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'sms-workbook', token)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'SMS'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: map(parts, part => {
        type: 3
        name: part.title
        content: {
          version: 'KqlItem/1.0'
          title: part.title
          query: part.query
          size: 0
          timeContext: { durationMs: 604800000 }
          queryType: 0
          resourceType: 'microsoft.operationalinsights/workspaces'
          visualization: part.chart
        }
      })
      fallbackResourceIds: [workspaceId]
    })
  }
}
