/** One conversation: what was said, the box to answer from the number that was texted, and the desk beside it. */

import { call, news } from "./api.js";
import { field, make, when } from "./dom.js";
import { desk } from "./desk.js";
import { segmentWords } from "./segments.js";

const LEFT = "This person has opted out of this sender and cannot be texted until they text START.";

const CHOSE = { confirm: "confirmed", cancel: "canceled by the person" };
const PLACEHOLDER = /\{\{[^{}]*\}\}/;

/** Set up the thread once, so that what is being typed stays; give what draws its news. */
export function showThread(side, id, { again, signal }) {
  const path = `conversations/${id}`;
  const log = make("ol", { class: "log", tabindex: "0", "aria-label": "Messages" });
  const box = answerBox(path, again);
  const handling = desk(path, again);
  const tags = { one: null, messages: null };
  side.replaceChildren(make("a", { href: "#inbox", class: "back" }, "All conversations"), handling.about, log, box.form, handling.tools);
  return async () => {
    const [one, messages] = await Promise.all([news(path, tags.one), news(`${path}/messages`, tags.messages)]);
    if (signal.aborted) return;
    if (messages) {
      tags.messages = messages.tag;
      log.replaceChildren(...messages.told.value.reverse().map(bubble));
      log.scrollTop = log.scrollHeight;
    }
    if (!one) return;
    tags.one = one.tag;
    box.block(one.told.isOptedOut);
    handling.draw(one.told);
    if (one.told.unread && !document.hidden) await call("PATCH", path, { body: { readUpTo: one.told.lastMessage.id } });
  };
}

function answerBox(path, again) {
  const text = field("Answer", make("textarea", { rows: "3", maxlength: "2048", required: true }));
  const size = make("p", { class: "hint" });
  const problem = make("p", { class: "error", role: "alert" });
  const send = make("button", { class: "button" }, "Send");
  let key = crypto.randomUUID();
  const measure = () => {
    key = crypto.randomUUID();
    size.textContent = text.control.value ? segmentWords(text.control.value) : "";
  };
  text.control.addEventListener("input", measure);
  const answer = async (event) => {
    event.preventDefault();
    const [left] = PLACEHOLDER.exec(text.control.value) ?? [];
    problem.textContent = left ? `Not sent: write something in the place of ${left} first.` : "";
    if (left) return;
    try {
      const { value: [result] } = await call("POST", `${path}/messages`, { body: { text: text.control.value }, headers: { "Idempotency-Key": key } });
      if (result.reason) problem.textContent = `Not sent: ${result.state}, ${result.reason}.`;
      else text.control.value = "";
      measure();
      await again();
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  const block = (left) => {
    text.control.disabled = send.disabled = left;
    if (left) problem.textContent = LEFT;
    else if (problem.textContent === LEFT) problem.textContent = "";
  };
  const insert = (words) => {
    text.control.value = words;
    measure();
    text.control.focus();
    const [first] = PLACEHOLDER.exec(words) ?? [];
    if (first) text.control.setSelectionRange(words.indexOf(first), words.indexOf(first) + first.length);
  };
  return { form: make("form", { onsubmit: answer }, text, size, problem, quickReplies(insert), send), block };
}

/** Offer the templates, once there are any. */
function quickReplies(insert) {
  const offered = field("Quick reply", make("select", {}));
  offered.hidden = true;
  call("GET", "quick-replies").then(({ value }) => {
    offered.hidden = !value.length;
    offered.control.replaceChildren(make("option", { value: "" }, "Choose one"), ...value.map((one) => make("option", { value: one.text }, one.name)));
  }).catch(() => {});
  offered.control.addEventListener("change", () => {
    if (offered.control.value) insert(offered.control.value);
    offered.control.value = "";
  });
  return offered;
}

function bubble(message) {
  return make("li", { class: `bubble ${message.direction === "inbound" ? "in" : "out"}` },
    make("span", { class: "words" }, message.text),
    make("span", { class: "foot" }, when(message.at), " · ", message.keyword ?? message.state, " · ",
      message.choice ? [CHOSE[message.choice], " · "] : null,
      make("a", { href: `#message/${message.id}` }, "Explain")));
}
