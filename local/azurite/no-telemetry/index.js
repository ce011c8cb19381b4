// Azurite loads this module at its start, and uses it only when telemetry is on.
module.exports = {};
