"""A local stand-in for Azure Communication Services SMS and for Event Grid.

It speaks the service's wire format to the real SDKs and delivers real-shaped events to the functions. It shares no
code with the app: it is the app's judge. What it does differently from the service is in docs/differences.md.
"""
