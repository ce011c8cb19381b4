"""Pure rules of the field: no I/O, no clock, no Azure. Everything here is property-tested."""
