// What the app's log says of each of its invocations, as a table: one line each, and none is sampled away.
@export()
var invocations = '''
AppTraces
| where Message startswith "An invocation ended: "
| extend function = extract("function=([a-z_]+)", 1, Message),
    trigger = extract("trigger=([a-zA-Z]+)", 1, Message),
    outcome = extract("outcome=([a-z0-9]+)", 1, Message),
    error = extract("error=([A-Za-z0-9]+)", 1, Message),
    ms = tolong(extract("ms=([0-9]+)", 1, Message))
| extend failed = outcome in ("retried", "poisoned", "failed") or outcome startswith "5"
'''
