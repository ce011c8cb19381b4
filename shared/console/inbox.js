/** The conversations, the thread of one, and the box to answer from the number that was texted. */

import { call } from "./api.js";
import { card, empty, field, heading, make, when } from "./dom.js";
import { segmentWords } from "./segments.js";

const POLL_MS = 5000;

export async function showInbox(room, { id, signal }) {
  const list = make("ul", { class: "rows" });
  const side = make("section", { class: "card thread", "aria-label": "Conversation" }, empty("Choose a conversation."));
  room.classList.toggle("open", Boolean(id));
  room.append(heading("Inbox"), make("div", { class: "two" }, card(list), side));
  const drawThread = id ? thread(side, id) : async () => {};
  let drawn = "";
  const refresh = async () => {
    const { value } = await call("GET", "conversations");
    if (signal.aborted) return;
    const mark = JSON.stringify(value);
    if (mark === drawn) return;
    drawn = mark;
    drawList(list, value, id);
    await drawThread(value.find((one) => one.id === id));
  };
  await refresh();
  poll(refresh, signal);
}

/** Ask again and again, but not while nobody looks. */
function poll(refresh, signal) {
  const timer = setInterval(() => {
    if (!document.hidden) refresh().catch(() => {});
  }, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function drawList(list, conversations, chosen) {
  const rows = conversations.map((one) => make("li", {},
    make("a", { href: `#inbox/${one.id}`, "aria-current": one.id === chosen ? "true" : null },
      make("strong", {}, one.recipient), when(one.lastActivityAt),
      make("span", { class: "last" }, one.lastMessage?.text ?? ""),
      one.lastMessage?.direction === "inbound" ? make("span", { class: "state waiting" }, one.lastMessage.keyword ?? "waiting") : null)));
  list.replaceChildren(...(rows.length ? rows : [make("li", {}, empty("Nobody has texted or been texted yet."))]));
}

/** Set up the thread once, so that what is being typed stays; give what draws its messages. */
function thread(side, id) {
  const log = make("ol", { class: "log", tabindex: "0", "aria-label": "Messages" });
  const text = field("Answer", make("textarea", { rows: "3", maxlength: "2048", required: true }));
  const size = make("p", { class: "hint" });
  const problem = make("p", { class: "error", role: "alert" });
  const send = make("button", { class: "button" }, "Send");
  let about = null;
  text.control.addEventListener("input", () => { size.textContent = segmentWords(text.control.value); });
  let key = crypto.randomUUID();
  text.control.addEventListener("input", () => { key = crypto.randomUUID(); });
  const draw = async (conversation) => {
    about = conversation ?? about;
    const { value } = await call("GET", `conversations/${id}/messages`);
    log.replaceChildren(...value.reverse().map(bubble));
    log.scrollTop = log.scrollHeight;
    about ??= parties(value[0]);
    await block(about, text.control, send, problem);
  };
  const answer = async (event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      const body = { from: about.sender, to: about.recipient, text: text.control.value };
      const { value: [result] } = await call("POST", "messages", { body, headers: { "Idempotency-Key": key } });
      if (result.reason) problem.textContent = `Not sent: ${result.state}, ${result.reason}.`;
      else text.control.value = size.textContent = "";
      key = crypto.randomUUID();
      await draw();
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  side.replaceChildren(make("a", { href: "#inbox", class: "back" }, "All conversations"), log,
    make("form", { onsubmit: answer }, text, size, problem, send));
  return draw;
}

const parties = (message) => (message.direction === "inbound"
  ? { sender: message.to, recipient: message.from } : { sender: message.from, recipient: message.to });

async function block(about, box, send, problem) {
  const { value: [told] } = await call("POST", "opt-outs/check", { body: { from: about.sender, recipients: [about.recipient] } });
  box.disabled = send.disabled = told.isOptedOut === true;
  if (told.isOptedOut) problem.textContent = "This person has opted out of this sender and cannot be texted until they text START.";
  else if (problem.textContent.startsWith("This person has opted out")) problem.textContent = "";
}

function bubble(message) {
  return make("li", { class: `bubble ${message.direction === "inbound" ? "in" : "out"}` },
    make("span", { class: "words" }, message.text),
    make("span", { class: "foot" }, when(message.at), " · ", message.keyword ?? message.state, " · ",
      make("a", { href: `#message/${message.id}` }, "Explain")));
}
