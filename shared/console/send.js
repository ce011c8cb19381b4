/** Send one text, with its size as one types, and its cost. */

import { call } from "./api.js";
import { button, card, empty, field, heading, make, say, state, table } from "./dom.js";
import { segmentWords } from "./segments.js";

export async function showSend(room) {
  const to = field("To", make("textarea", { rows: "2", required: true }), "Up to 100 numbers, apart by commas or lines.");
  const from = field("From", make("input", { autocomplete: "off" }), "Empty: the default sender.");
  const text = field("Text", make("textarea", { rows: "5", maxlength: "2048", required: true }));
  const size = make("p", { class: "hint", role: "status" });
  const preview = make("p", { class: "bubble out" });
  const results = make("div", { "aria-live": "polite" });
  const draw = () => {
    size.textContent = segmentWords(text.control.value);
    preview.textContent = text.control.value || "What you write is shown here.";
  };
  text.control.addEventListener("input", draw);
  draw();
  const request = () => ({
    to: to.control.value.split(/[,\n]/).map((one) => one.trim()).filter(Boolean),
    text: text.control.value,
    ...(from.control.value.trim() ? { from: from.control.value.trim() } : {}),
  });
  // One key for each text: a second click, or a click after a lost answer, sends nothing twice.
  let key = crypto.randomUUID();
  const guarded = (act) => async (event) => {
    event?.preventDefault();
    try {
      await act();
    } catch (error) {
      results.replaceChildren(make("p", { class: "error", role: "alert" }, error.message));
    }
  };
  const send = guarded(async () => {
    const { value } = await call("POST", "messages", { body: request(), headers: { "Idempotency-Key": key } });
    key = crypto.randomUUID();
    results.replaceChildren(table("What became of it", ["To", "State", "Reason", ""],
      value.map((one) => [one.to, state(one.state), one.reason, one.id && make("a", { href: `#message/${one.id}` }, "Explain")])));
    say("Sent.");
  });
  const forecast = guarded(async () => {
    const { to: numbers, text: words, ...rest } = request();
    const recipients = numbers.map((one) => ({ to: one }));
    const told = await call("POST", "campaigns/forecast", { body: { name: "Forecast", text: words.replaceAll("{{", "{ {"), recipients, quietHours: false, ...rest } });
    results.replaceChildren(table("Forecast", ["Recipients", "Opted out", "Wrong", "Segments", "Cost"],
      [[told.recipients, told.optedOut, told.errorCount, told.segments.total, told.cost.amount].map(String)]));
  });
  // A request that was changed is another request.
  const changed = () => { key = crypto.randomUUID(); };
  room.append(heading("Send"), make("div", { class: "two" },
    card(make("form", { onsubmit: send, oninput: changed }, to, from, text, size,
      make("div", { class: "row" }, make("button", { class: "button" }, "Send"), button("Forecast", forecast, "quiet")))),
    card(make("h2", {}, "Preview"), preview, results)));
}
