/** One timeline of what went between the app and the carrier: requests, events and what the app relayed. */

import { byId, icon, make, reconcile, timeElement, whenChanged } from "./dom.js";
import { exactTime, spoken } from "./words.js";

const SHOWN = 60;

const EVENT_STATES = {
  pending: { words: "Waiting", tone: "waiting" },
  delivered: { words: "Taken by the app", tone: "good" },
  deadLettered: { words: "Dead-lettered", tone: "bad" },
  dropped: { words: "Dropped", tone: "bad" },
};

export function drawTraffic({ requests, events, relayed }) {
  const entries = [...requests.map(requestEntry), ...events.map(eventEntry), ...relayed.map(relayedEntry)]
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at))
    .slice(0, SHOWN);
  byId("traffic-empty").hidden = entries.length > 0;
  reconcile(byId("traffic-list"), entries, { key: (entry) => entry.key, create: makeEntry, update: updateEntry });
}

function requestEntry(request, position) {
  const isTaken = request.httpStatus < 300;
  const many = request.recipientCount === 1 ? "1 recipient" : `${request.recipientCount} recipients`;
  return {
    key: `request ${position}`,
    kind: "request",
    icon: "right",
    at: request.at,
    title: "App asked to send",
    detail: `${spoken(request.from ?? "?")} to ${many}`,
    badge: { words: `HTTP ${request.httpStatus ?? "none"}`, tone: isTaken ? "good" : "bad" },
    raw: request,
  };
}

function eventEntry({ event, subscription, attempts, state }, position) {
  const data = lowerKeys(event.data ?? {});
  const isReport = (event.eventType ?? event.type ?? "").includes("DeliveryReport");
  return {
    key: `event ${event.id} ${subscription} ${position}`,
    kind: "event",
    icon: "left",
    at: attempts[0]?.at ?? event.eventTime ?? event.time,
    title: isReport ? `Report to the app: ${data.deliverystatus ?? "unknown"}` : "Text to the app",
    detail: `${spoken(data.from ?? "?")} to ${spoken(data.to ?? "?")}`,
    badge: EVENT_STATES[state] ?? { words: state, tone: "waiting" },
    attempts,
    raw: event,
  };
}

function relayedEntry(event, position) {
  return {
    key: `relayed ${event.id} ${position}`,
    kind: "relayed",
    icon: "relay",
    at: event.eventTime ?? event.time,
    title: "App relayed",
    detail: (event.eventType ?? event.type ?? "").split(".").at(-1),
    badge: null,
    raw: event,
  };
}

const lowerKeys = (data) => Object.fromEntries(Object.entries(data).map(([name, value]) => [name.toLowerCase(), value]));

function makeEntry(entry) {
  return make("li", { class: `entry ${entry.kind}` },
    make("details", {}, make("summary", {}), make("div", { class: "entry-body" })));
}

function updateEntry(item, entry) {
  whenChanged(item, [entry.badge, entry.attempts, entry.at, exactTime(entry.at)], () => {
    const [summary, body] = item.firstElementChild.children;
    summary.replaceChildren(
      make("span", { class: "entry-icon" }, icon(entry.icon)),
      make("span", { class: "entry-words" },
        make("span", { class: "entry-title" }, entry.title),
        make("span", { class: "hint" }, [entry.detail, attemptCount(entry.attempts)].filter(Boolean).join(" · "))),
      make("span", { class: "entry-end" },
        timeElement(entry.at, exactTime(entry.at)),
        entry.badge ? make("span", { class: `badge ${entry.badge.tone}` }, entry.badge.words) : ""));
    body.replaceChildren(...attemptLines(entry.attempts),
      make("pre", { tabindex: "0", role: "region", "aria-label": `${entry.title}, whole` },
        make("code", {}, JSON.stringify(entry.raw, null, 2))));
  });
}

const attemptCount = (attempts = []) => (attempts.length > 1 ? `${attempts.length} attempts` : "");

function attemptLines(attempts = []) {
  if (attempts.length === 0) return [];
  return [make("ol", { class: "attempts" }, ...attempts.map((attempt) =>
    make("li", {}, timeElement(attempt.at, exactTime(attempt.at)),
      attempt.httpStatus ? ` HTTP ${attempt.httpStatus}` : ` no answer${attempt.error ? `: ${attempt.error}` : ""}`)))];
}
