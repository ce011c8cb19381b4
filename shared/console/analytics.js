/** Counts of the last days as charts, with the same numbers in tables. */

import { call, download } from "./api.js";
import { button, card, empty, field, heading, make, table } from "./dom.js";

const SHOWN = ["accepted", "sent", "delivered", "failed", "unknown", "suppressed", "inbound", "optOuts"];

export async function showAnalytics(room, { signal }) {
  const days = make("select", {}, ...[1, 7, 30, 90].map((count) => make("option", { value: count, selected: count === 7 }, count === 1 ? "1 day" : `${count} days`)));
  const by = make("select", {}, ...["", "sender", "tag", "campaign", "country", "reason"].map((name) => make("option", { value: name }, name || "nothing")));
  const out = make("div", { class: "stack" });
  const path = (format) => {
    const [to, from] = [new Date(Date.now() + 60_000), new Date(Date.now() - Number(days.value) * 86_400_000)];
    const query = new URLSearchParams({ from: from.toISOString(), to: to.toISOString(), interval: days.value === "1" ? "hour" : "day", format });
    if (by.value) query.set("groupBy", by.value);
    return `analytics?${query}`;
  };
  let drawn = new AbortController();
  signal.addEventListener("abort", () => drawn.abort());
  const draw = async () => {
    const told = await call("GET", path("json"));
    if (signal.aborted) return;
    drawn.abort();
    drawn = new AbortController();
    out.replaceChildren(totals(told.totals), ...(told.value.length ? await pictures(told, drawn.signal) : [empty("Nothing in this range.")]));
  };
  for (const control of [days, by]) control.addEventListener("change", draw);
  room.append(heading("Analytics"), card(make("div", { class: "row" }, field("Range", days), field("Split by", by),
    button("CSV", () => download(path("csv"), "analytics.csv"), "quiet"))), out);
  await draw();
}

const percent = (rate) => (rate === undefined || rate === null ? "–" : `${(rate * 100).toFixed(1)} %`);

function totals(all) {
  const facts = [["Sent", all.sent], ["Delivered", percent(all.deliveryRate)], ["Answered", percent(all.responseRate)],
    ["Opted out", percent(all.optOutRate)], ["Segments", all.segments], ["Cost", all.cost]];
  return make("dl", { class: "facts" }, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
}

const numbers = (buckets) => table("The numbers", ["From", "Group", ...SHOWN], buckets.map((one) =>
  [new Date(one.start).toLocaleString(), one.group ?? "", ...SHOWN.map((name) => String(one[name]))]));

/** When each bucket of the range begins, those without counts too, which the API leaves out. */
function startsOf(told) {
  const step = told.interval === "hour" ? 3_600_000 : 86_400_000;
  const [first, end] = [Math.floor(Date.parse(told.from) / step) * step, Date.parse(told.to)];
  return Array.from({ length: Math.ceil((end - first) / step) }, (_, place) => first + place * step);
}

const sum = (buckets, name) => buckets.reduce((all, one) => all + one[name], 0);
const share = (count, of) => (of ? count / of : null);

/** Charts of all groups together, loaded when they are first looked at; then the same numbers as tables. */
async function pictures(told, signal) {
  const { chart } = await import("./chart.js");
  const byStart = Map.groupBy(told.value, (one) => Date.parse(one.start));
  const starts = startsOf(told);
  const buckets = starts.map((start) => byStart.get(start) ?? []);
  const counted = (name) => buckets.map((some) => sum(some, name));
  const rate = (name) => buckets.map((some) => share(sum(some, name), sum(some, "sent")));
  return [
    chart("Sent, and what became of it", starts, [["Sent", "--ink-soft", counted("sent")], ["Delivered", "--accent", counted("delivered")],
      ["Failed", "--bad", counted("failed")], ["Came in", "--waiting", counted("inbound")]], { signal }),
    chart("Rates", starts, [["Delivered", "--accent", rate("delivered")], ["Answered", "--waiting", rate("responses")],
      ["Opted out", "--bad", rate("optOuts")]], { words: percent, signal }),
    numbers(told.value),
    table("By the hour of the day, UTC", ["Hour", "Sent", "Came in"], told.hoursOfDay.map((one) =>
      [`${String(one.hour).padStart(2, "0")}:00`, String(one.sent), String(one.inbound)])),
  ];
}
