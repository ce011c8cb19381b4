// What the app's log says of each hour that it has added up, as a table: the alerts and the workbook begin with it.
@export()
var addedUpHours = '''
AppTraces
| where Message startswith "An hour was added up: "
| extend hour = todatetime(extract("hour=([^ ]+)", 1, Message)),
    accepted = tolong(extract("accepted=([0-9]+)", 1, Message)),
    sent = tolong(extract("sent=([0-9]+)", 1, Message)),
    delivered = tolong(extract("delivered=([0-9]+)", 1, Message)),
    failed = tolong(extract("failed=([0-9]+)", 1, Message)),
    unknown = tolong(extract("unknown=([0-9]+)", 1, Message)),
    suppressed = tolong(extract("suppressed=([0-9]+)", 1, Message)),
    inbound = tolong(extract("inbound=([0-9]+)", 1, Message)),
    responses = tolong(extract("responses=([0-9]+)", 1, Message)),
    optOuts = tolong(extract("optOuts=([0-9]+)", 1, Message)),
    optIns = tolong(extract("optIns=([0-9]+)", 1, Message)),
    leaks = tolong(extract("leaks=([0-9]+)", 1, Message)),
    segments = tolong(extract("segments=([0-9]+)", 1, Message)),
    cost = todouble(extract("cost=([0-9.]+)", 1, Message))
| summarize arg_max(TimeGenerated, *) by hour
'''
