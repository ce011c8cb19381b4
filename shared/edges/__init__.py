"""Where the outside world comes in: settings, HTTP, events, storage, ACS. Fakes stand beside the real ones."""
