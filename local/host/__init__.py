"""A small Functions host: serves a Python v2 app as Azure's host does, in one process, for development.

Start it with `python -m local.host`. It indexes `function_app.py`, and uses the converters of `azure.functions`
itself, so that a function gets here what it gets from Microsoft's worker.
"""
