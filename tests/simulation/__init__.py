"""The services on their fakes in virtual time, with faults at every port and workers that die: see README.md."""
