"""The use cases, one noun per module, written against ports."""
