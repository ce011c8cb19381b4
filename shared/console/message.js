/** Look one message up, and have it explained. */

import { call } from "./api.js";
import { card, field, heading, make, state, table, when } from "./dom.js";

export async function showMessage(room, { id }) {
  const input = field("Message id", make("input", { autocomplete: "off", required: true, value: id ?? "" }));
  const find = (event) => {
    event.preventDefault();
    location.hash = `message/${input.control.value.trim()}`;
  };
  room.append(heading("Look up"), card(make("form", { onsubmit: find }, input, make("button", { class: "button" }, "Explain"))));
  if (!id) return;
  const path = `messages/${encodeURIComponent(id)}`;
  const [message, told] = await Promise.all([call("GET", path), call("GET", `${path}/explain`)]);
  room.append(card(
    make("h2", {}, state(message.state), " ", told.why),
    make("p", {}, told.whatToDo),
    make("p", { class: "hint" }, `${message.from} → ${message.to} · ${message.segments ?? ""} × ${message.encoding ?? ""}`),
    make("p", { class: "bubble out" }, message.text),
    told.optOut ? make("p", {}, "Opted out since ", when(told.optOut.since), ` by ${told.optOut.source} ${told.optOut.keyword ?? ""}`) : null,
    table("What happened", ["At", "What"], told.timeline.map((one) => [when(one.at), one.happened]))));
}
