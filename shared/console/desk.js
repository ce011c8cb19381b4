/** What the team decides about a conversation: who answers, labels, open or closed; and its notes. */

import { call } from "./api.js";
import { button, field, make, say, state, when } from "./dom.js";

/** Make the parts: `about` says how it stands, `tools` change it, `draw` shows what the API told. */
export function desk(path, again) {
  const about = make("p", { class: "row" });
  const assignee = field("Assigned to", make("input", { maxlength: "128", autocomplete: "off" }));
  const labels = field("Labels", make("input", { autocomplete: "off" }), "With commas between them.");
  const close = button("Close", () => decide({ status: close.dataset.to }), "quiet");
  const notes = noteBook(path);
  let drawn = false;
  const decide = async (body) => {
    try {
      draw(await call("PATCH", path, { body }));
      await again();
    } catch (error) {
      say(error.message);
    }
  };
  const save = async (event) => {
    event.preventDefault();
    const named = labels.control.value.split(",").map((one) => one.trim()).filter(Boolean);
    await decide({ assignee: assignee.control.value.trim(), labels: named });
    say("Saved.");
  };
  const draw = (one) => {
    about.replaceChildren(make("strong", {}, one.recipient), ` to ${one.sender}`, state(one.status),
      one.waitingSince ? make("span", {}, "waiting since ", when(one.waitingSince)) : "",
      one.assignee ? make("span", {}, `assigned to ${one.assignee}`) : "", ...one.labels.map((label) => make("span", { class: "state" }, label)));
    close.dataset.to = one.status === "open" ? "closed" : "open";
    close.textContent = one.status === "open" ? "Close" : "Open again";
    if (drawn) return;
    // Later news must not take away what is being typed.
    drawn = true;
    assignee.control.value = one.assignee ?? "";
    labels.control.value = one.labels.join(", ");
    notes.load();
  };
  const tools = make("details", { class: "desk" }, make("summary", {}, "Assign, label, close, notes"),
    make("form", { onsubmit: save }, assignee, labels, make("div", { class: "row" }, make("button", { class: "button quiet" }, "Save"), close)),
    notes.place);
  return { about, tools, draw };
}

function noteBook(path) {
  const list = make("ul", { "aria-label": "Notes" });
  const text = field("Note for the team", make("textarea", { rows: "2", maxlength: "2048", required: true }), "Is never sent.");
  const load = async () => {
    const { value } = await call("GET", `${path}/notes`);
    list.replaceChildren(...value.map((one) => make("li", { class: "bubble" }, one.text, make("span", { class: "foot" }, when(one.at)))));
  };
  let key = crypto.randomUUID();
  text.control.addEventListener("input", () => { key = crypto.randomUUID(); });
  const keep = async (event) => {
    event.preventDefault();
    try {
      await call("POST", `${path}/notes`, { body: { text: text.control.value }, headers: { "Idempotency-Key": key } });
      text.control.value = "";
      key = crypto.randomUUID();
      await load();
    } catch (error) {
      say(error.message);
    }
  };
  const place = make("form", { onsubmit: keep }, text, make("button", { class: "button quiet" }, "Keep the note"), list);
  return { place, load: () => load().catch((error) => say(error.message)) };
}
