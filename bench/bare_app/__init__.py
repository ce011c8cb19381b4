"""The least that a function can do with an event: what `bench events` compares with."""
