/** Counts of the last days as a chart, with the same numbers in a table. */

import { call, download } from "./api.js";
import { button, card, empty, field, heading, make, table } from "./dom.js";

const SHOWN = ["accepted", "sent", "delivered", "failed", "unknown", "suppressed", "inbound", "optOuts"];
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [720, 180];

export async function showAnalytics(room) {
  const days = make("select", {}, ...[1, 7, 30, 90].map((count) => make("option", { value: count, selected: count === 7 }, `${count} days`)));
  const by = make("select", {}, ...["", "sender", "tag", "campaign", "country", "reason"].map((name) => make("option", { value: name }, name || "nothing")));
  const out = make("div", { class: "stack" });
  const path = (format) => {
    const [to, from] = [new Date(Date.now() + 60_000), new Date(Date.now() - Number(days.value) * 86_400_000)];
    const query = new URLSearchParams({ from: from.toISOString(), to: to.toISOString(), interval: days.value === "1" ? "hour" : "day", format });
    if (by.value) query.set("groupBy", by.value);
    return `analytics?${query}`;
  };
  const draw = async () => {
    const told = await call("GET", path("json"));
    out.replaceChildren(totals(told.totals), ...(told.value.length ? [chart(told.value), numbers(told.value)] : [empty("Nothing in this range.")]));
  };
  for (const control of [days, by]) control.addEventListener("change", draw);
  room.append(heading("Analytics"), card(make("div", { class: "row" }, field("Range", days), field("Split by", by),
    button("CSV", () => download(path("csv"), "analytics.csv"), "quiet"))), out);
  await draw();
}

const percent = (rate) => (rate === undefined ? "–" : `${(rate * 100).toFixed(1)} %`);

function totals(all) {
  const facts = [["Sent", all.sent], ["Delivered", percent(all.deliveryRate)], ["Answered", percent(all.responseRate)],
    ["Opted out", percent(all.optOutRate)], ["Segments", all.segments], ["Cost", all.cost]];
  return make("dl", { class: "facts" }, ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
}

const numbers = (buckets) => table("The numbers", ["From", "Group", ...SHOWN], buckets.map((one) =>
  [new Date(one.start).toLocaleString(), one.group ?? "", ...SHOWN.map((name) => String(one[name]))]));

function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/** Bars of what was sent, and within them what was delivered; the table after it has the same for screen readers. */
function chart(buckets) {
  const sums = new Map();
  for (const one of buckets) {
    const sum = sums.get(one.start) ?? { sent: 0, delivered: 0 };
    sums.set(one.start, { sent: sum.sent + one.sent, delivered: sum.delivered + one.delivered });
  }
  const most = Math.max(1, ...[...sums.values()].map((one) => one.sent));
  const step = WIDTH / sums.size;
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", "aria-hidden": "true" });
  const bar = (index, count, kind) => {
    const height = (count / most) * (HEIGHT - 10);
    return shape("rect", { x: index * step + 2, y: HEIGHT - height, width: Math.min(step - 4, 60), height, rx: 2, class: kind });
  };
  [...sums.values()].forEach((one, index) => svg.append(bar(index, one.sent, "sent"), bar(index, one.delivered, "delivered")));
  return card(make("h2", {}, "Sent and delivered"), svg, make("p", { class: "hint" }, `The highest bar is ${most} sent; the filled part was delivered.`));
}
