/** Campaigns: forecast and start one from a file; watch, pause, resume and cancel. */

import { call, download } from "./api.js";
import { button, card, empty, field, heading, make, say, state, table } from "./dom.js";
import { segmentWords } from "./segments.js";

const POLL_MS = 2000;

export async function showCampaigns(room, { id, signal }) {
  room.append(heading("Campaigns"));
  if (id) {
    await showOne(room, id, signal);
    return;
  }
  room.append(newCampaign());
  const { value } = await call("GET", "campaigns");
  room.append(value.length
    ? table("Campaigns", ["Name", "State", "Recipients", "Wrong rows"], value.map((one) =>
      [make("a", { href: `#campaigns/${one.id}` }, one.name), state(one.status), String(one.recipients), String(one.errorCount)]))
    : empty("There are no campaigns yet."));
}

function newCampaign() {
  const name = field("Name", make("input", { maxlength: "128", required: true }));
  const from = field("From", make("input", { autocomplete: "off" }), "Empty: the default sender.");
  const text = field("Text", make("textarea", { rows: "4", maxlength: "2048", required: true }), "{{name}} stands for the file's column `name`.");
  const file = field("Recipients (CSV)", make("input", { type: "file", accept: ".csv,text/csv", required: true }), "The first line names the columns, one of them `to`.");
  const quiet = make("input", { type: "checkbox", checked: true });
  const size = make("p", { class: "hint", role: "status" });
  const told = make("div", { "aria-live": "polite" });
  const form = make("form", {}, name, from, text, size, file, make("label", { class: "check" }, quiet, " Keep quiet hours"));
  text.control.addEventListener("input", () => { size.textContent = segmentWords(text.control.value); });
  let key = crypto.randomUUID();
  form.addEventListener("input", () => { key = crypto.randomUUID(); });
  const body = () => {
    const options = { name: name.control.value, text: text.control.value, quietHours: quiet.checked };
    if (from.control.value.trim()) options.from = from.control.value.trim();
    const data = new FormData();
    data.append("options", new Blob([JSON.stringify(options)], { type: "application/json" }));
    data.append("file", new Blob([file.control.files[0]], { type: "text/csv" }));
    return data;
  };
  const guarded = (act) => async () => {
    if (!form.reportValidity()) return;
    try {
      await act();
    } catch (error) {
      told.replaceChildren(make("p", { class: "error", role: "alert" }, error.message));
    }
  };
  const forecast = guarded(async () => {
    const seen = await call("POST", "campaigns/forecast", { body: body() });
    const row = [seen.recipients, seen.duplicates, seen.optedOut, seen.errorCount, seen.segments.total, seen.cost.amount, `${seen.durationSeconds} s`];
    told.replaceChildren(
      table("Forecast", ["Recipients", "Twice", "Opted out", "Wrong rows", "Segments", "Cost", "Takes"], [row.map(String)]), errors(seen.errors));
  });
  const start = guarded(async () => {
    const begun = await call("POST", "campaigns", { body: body(), headers: { "Idempotency-Key": key } });
    say("The campaign has begun.");
    location.hash = `campaigns/${begun.id}`;
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); forecast(); });
  form.append(make("div", { class: "row" }, make("button", { class: "button quiet" }, "Forecast"), button("Start", start)));
  return card(make("h2", {}, "New campaign"), form, told);
}

const errors = (rows = []) => (rows.length
  ? table("Rows that cannot be texted", ["Row", "Code", "Why"], rows.map((one) => [String(one.row), one.code, one.message])) : null);

async function showOne(room, id, signal) {
  const bar = make("progress", { max: "1", "aria-label": "Progress" });
  const facts = make("div", { "aria-live": "polite" });
  const wrong = make("div");
  const actions = ["pause", "resume", "cancel"].map((verb) => button(verb[0].toUpperCase() + verb.slice(1), async () => {
    await call("POST", `campaigns/${id}/${verb}`).catch((error) => say(error.message));
    await refresh();
  }, verb === "cancel" ? "danger" : "quiet"));
  const [pause, resume, cancel] = actions;
  const refresh = async () => {
    const one = await call("GET", `campaigns/${id}`);
    if (signal.aborted) return one;
    bar.value = one.progress;
    pause.disabled = one.status !== "running";
    resume.disabled = one.status !== "paused";
    cancel.disabled = !["running", "paused"].includes(one.status);
    facts.replaceChildren(make("h2", {}, one.name, " ", state(one.status)), make("p", { class: "bubble out" }, one.text),
      table("Recipients by state", ["State", "Recipients"], Object.entries(one.counts).map(([name, count]) => [state(name), String(count)])));
    wrong.replaceChildren(...[errors(one.errors)].filter(Boolean));
    return one;
  };
  room.append(card(make("a", { href: "#campaigns" }, "All campaigns"), facts, bar,
    make("div", { class: "row" }, ...actions, button("Recipients as CSV", () => download(`campaigns/${id}/recipients?format=csv`, "recipients.csv"), "quiet")), wrong));
  await refresh();
  const timer = setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}
