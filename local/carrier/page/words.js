/** Numbers, times and states in words. */

const FAILURES = {
  4000: "taken for fraud",
  4001: "sender has a wrong format",
  4002: "number has a wrong format",
  4003: "destination is not supported",
  4004: "number does not exist",
  4005: "blocked by the recipient's carrier",
  4006: "handset cannot be reached",
  4007: "recipient opted out",
  4008: "over the sender's allowance",
  4009: "rejected: account not entitled",
  4010: "toll-free number is not verified",
  4020: "rejected for its volume",
  5000: "failed for an unnamed reason",
  5001: "temporarily unavailable",
  5002: "no report came in time",
  9999: "unknown error",
};

const STATES = {
  onItsWay: { words: "On its way", icon: "clock" },
  delivered: { words: "Delivered", icon: "check" },
  failed: { words: "Not delivered", icon: "cross" },
  noReport: { words: "No report", icon: "unknown" },
  received: { words: "Sent", icon: "check" },
};

const SENDER_TYPES = { tollFree: "Toll-free", shortCode: "Short code", alphanumeric: "Alphanumeric" };

/** How a message stands: `{words, icon}`. */
export function stateOf(message) {
  const state = STATES[message.state] ?? { words: message.state, icon: "unknown" };
  if (message.state !== "failed") return state;
  const reason = [message.code, FAILURES[message.code]].filter(Boolean).join(" ");
  return { ...state, words: reason ? `${state.words}: ${reason}` : state.words };
}

export const senderType = (sender) => SENDER_TYPES[sender.type] ?? sender.type;

export const isTwoWay = (sender) => sender.type !== "alphanumeric";

/** A North American number in its groups; any other sender or number as it is. */
export function spoken(number) {
  const groups = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return groups ? `+1 ${groups[1]} ${groups[2]} ${groups[3]}` : number;
}

export function segmentsOf(message) {
  if (!message.segments) return null;
  return `${message.segments} ${message.segments === 1 ? "segment" : "segments"} · ${encodingName(message.encoding)}`;
}

function encodingName(encoding) {
  const plain = String(encoding ?? "").toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return { gsm7: "GSM-7", ucs2: "UCS-2" }[plain] ?? String(encoding ?? "");
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const CLOCK_SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

const sameDay = (one, other) => new Date(one).toDateString() === new Date(other).toDateString();

export const clockTime = (iso) => CLOCK.format(new Date(iso));

export const exactTime = (iso) => CLOCK_SECONDS.format(new Date(iso));

export const dayOf = (iso) => (sameDay(iso, Date.now()) ? "Today" : DAY.format(new Date(iso)));

/** The hour for today, the date for any other day. */
export const briefTime = (iso) => (sameDay(iso, Date.now()) ? clockTime(iso) : SHORT_DAY.format(new Date(iso)));
