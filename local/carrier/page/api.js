/** The carrier's control API, and the stream that tells when to read it again. */

/** A refusal by the carrier, in its own words. */
export class CarrierError extends Error {}

async function call(method, path, body) {
  const request = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/_carrier${path}`, request);
  } catch {
    throw new CarrierError("The carrier does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new CarrierError(answer.error?.message ?? `The carrier answered ${response.status}.`);
  return answer;
}

const values = async (path) => (await call("GET", path)).value;

export const carrier = {
  overview: () => call("GET", ""),
  handsets: async () => (await call("GET", "/handsets")).handsets,
  addHandset: (number) => call("POST", "/handsets", { number }),
  reply: (from, to, text) => call("POST", "/inbound", { from, to, text }),
  requests: () => values("/requests"),
  events: () => values("/events"),
  relayed: () => values("/relayed"),
  magic: () => values("/magic"),
  setTrouble: (changes) => call("PUT", "/trouble", changes),
  reset: () => call("POST", "/reset", {}),
};

const POLL_MS = 2000;

/**
 * Call `onChange` whenever something changed, and `onState` with "live" or "reconnecting".
 * While the stream is down it is reopened, and the carrier is polled.
 */
export function watch(onChange, onState) {
  let polling = null;
  const startPolling = () => {
    onState("reconnecting");
    polling ??= setInterval(onChange, POLL_MS);
  };
  const stopPolling = () => {
    clearInterval(polling);
    polling = null;
  };
  const open = () => {
    const stream = new EventSource("/_carrier/stream");
    stream.addEventListener("open", () => {
      stopPolling();
      onState("live");
      onChange();
    });
    stream.addEventListener("changed", onChange);
    stream.addEventListener("error", () => {
      startPolling();
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, POLL_MS);
    });
  };
  open();
}
