"""Development tools that stand in for the cloud on one machine. Never deployed."""
