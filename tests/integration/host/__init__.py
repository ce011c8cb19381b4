"""The functions host, against what Azure's host does."""
