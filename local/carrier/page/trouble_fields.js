/** Every switch of the carrier's trouble: its words, and the value that means calm. */

const share = (name, label, hint) => ({ name, label, hint, kind: "share", calm: 0 });
const amount = (name, label, hint, limits) => ({ name, label, hint, kind: "amount", ...limits });
const onOff = (name, label, hint, calm, chip) => ({ name, label, hint, kind: "onOff", calm, chip });
const choice = (name, label, hint, options) => ({ name, label, hint, kind: "choice", options, calm: options[0][0] });

export const GROUPS = [
  {
    title: "Answers to the app",
    fields: [
      amount("latencyMs", "Slow answers", "Milliseconds before each answer", { unit: "ms", min: 0, max: 120000, calm: 0 }),
      share("throttle", "Too many requests", "Answers 429"),
      amount("throttleRetryAfter", "Retry-After", "Seconds, sent with each 429. Empty: not sent",
        { unit: "s", min: 0, max: 86400, calm: null }),
      share("unavailable", "Out of service", "Answers 503"),
      share("reset", "Connection reset", "Drops the connection before taking the request"),
      share("silent", "Answer lost", "Takes the request, then drops the connection"),
      onOff("rateLimits", "Rate limits", "The limits of each sender type are kept", true, "No rate limits"),
      choice("authentication", "Access key", "Lax takes requests with a wrong signature", [["strict", "Strict"], ["lax", "Lax"]]),
      choice("errorStyle", "Shape of errors", "As the API's versions differ",
        [["legacy", "Legacy"], ["problem", "Problem details"], ["error", "Error object"]]),
    ],
  },
  {
    title: "Delivery reports",
    fields: [
      amount("reportDelayMs", "Usual delay", "Milliseconds until the report", { unit: "ms", min: 0, max: 86400000, calm: 400 }),
      share("lostReports", "Lost", "The report never comes"),
      share("lateReports", "Late", "The report comes late"),
      amount("lateReportSeconds", "How late", "Seconds, for late reports", { unit: "s", min: 0, max: 86400, calm: 30, step: "any" }),
    ],
  },
  {
    title: "Events",
    fields: [
      share("duplicateEvents", "Delivered twice", "The same event comes again"),
      share("disorderedEvents", "Out of order", "A later event comes first"),
      choice("schema", "Schema", "How an event is wrapped", [["eventGrid", "Event Grid"], ["cloudEvents", "CloudEvents"]]),
      choice("casing", "Field names", "How the data's fields are written",
        [["mixed", "Mixed"], ["camel", "camelCase"], ["pascal", "PascalCase"]]),
      choice("messageIdStyle", "Message ids", "As the service has written them over time",
        [["guid", "GUID"], ["prefixed", "Prefixed"], ["prefixedRegion", "Prefixed, with region"]]),
      onOff("plusInFrom", "Plus in numbers", "The sender of a text is written with +", false, "Plus in numbers"),
    ],
  },
  {
    title: "Network",
    fields: [
      choice("optOutMode", "STOP and START", "Who keeps the opt-outs of toll-free numbers",
        [["service", "The network"], ["off", "Nobody"]]),
      amount("timeScale", "Speed of time", "1 is real; 60 makes a minute a second", { unit: "×", min: 0.01, max: 1000000, calm: 1, step: "any" }),
      amount("seed", "Seed", "The same seed gives the same chances", { unit: "", min: 0, max: 2147483647, calm: 1 }),
    ],
  },
];

export const FIELDS = GROUPS.flatMap((group) => group.fields);

export const CALM = Object.fromEntries(FIELDS.map((field) => [field.name, field.calm]));

/** The fields of `trouble` that are not calm. */
export function inForce(trouble) {
  return FIELDS.filter((field) => field.name in trouble && trouble[field.name] !== field.calm);
}

/** A value of a field in a few words. */
function valueInWords(field, value) {
  if (value === null) return "none";
  if (field.kind === "share") return `${Math.round(value * 100)} %`;
  if (field.kind === "choice") return field.options.find(([option]) => option === value)?.[1] ?? String(value);
  return `${value} ${field.unit ?? ""}`.trim();
}

export function chipWords(field, value) {
  return field.kind === "onOff" ? field.chip : `${field.label}: ${valueInWords(field, value)}`;
}
