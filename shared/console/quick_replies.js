/** Quick replies: what the team writes often, to be edited by whoever may. They are one document, saved as a whole. */

import { call, news } from "./api.js";
import { button, card, empty, field, heading, make, say } from "./dom.js";

const CHANGED = "Somebody else has changed the quick replies since. Copy what you wrote, then load them anew.";

export async function showQuickReplies(room) {
  const list = make("ul", { class: "stack", "aria-label": "Quick replies" });
  const problem = make("p", { class: "error", role: "alert" });
  const add = () => {
    list.append(entry());
    list.lastElementChild.querySelector("input").focus();
  };
  const form = make("form", {}, list, problem, make("div", { class: "row" }, button("Add one", add, "quiet"),
    make("button", { class: "button" }, "Save"), button("Load anew", () => load(), "quiet")));
  let tag = null;
  const draw = ({ value }) => list.replaceChildren(...value.map(entry));
  const load = async () => {
    problem.textContent = "";
    const seen = await news("quick-replies", null);
    tag = seen.tag;
    draw(seen.told);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    const value = [...list.children].map((one) => one.entry());
    try {
      draw(await call("PUT", "quick-replies", { body: { value }, headers: { "If-Match": tag } }));
      await load();
      say("Saved.");
    } catch (error) {
      problem.textContent = error.status === 412 ? CHANGED : error.message;
    }
  });
  room.append(heading("Quick replies"));
  // Only then can one add to them: what is loaded later would take it away.
  await load();
  room.append(card(empty("Whoever answers in the inbox can choose them. {{name}}, or another word in such braces, is for them to fill in."), form));
}

function entry(reply = { name: "", text: "" }) {
  const name = field("Name", make("input", { required: true, maxlength: "64", autocomplete: "off" }));
  const text = field("Text", make("textarea", { required: true, rows: "2", maxlength: "2048" }));
  name.control.value = reply.name;
  text.control.value = reply.text;
  const row = make("li", { class: "stack" }, name, text, button("Remove", () => row.remove(), "danger"));
  row.entry = () => ({ name: name.control.value.trim(), text: text.control.value });
  return row;
}
