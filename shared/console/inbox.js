/** The conversations: all, or those that are unread, waiting, closed, or found; and the thread of one. */

import { call, news } from "./api.js";
import { card, empty, field, heading, make, when } from "./dom.js";
import { showThread } from "./thread.js";

const POLL_MS = 5000;
const SEARCHED_DAYS = 30;
const SHOWN = { all: ["Everything", null], unread: ["Unread", { unread: true }], waiting: ["Waiting for an answer", { waiting: true }],
  open: ["Open", { status: "open" }], closed: ["Closed", { status: "closed" }], nobody: ["Assigned to nobody", { assignee: "" }] };
// What was chosen stays while one goes from thread to thread.
const chosen = { shown: "all", words: "" };

export async function showInbox(room, { id, signal }) {
  const list = make("ul", { class: "rows", "aria-label": "Conversations" });
  const side = make("section", { class: "card thread", "aria-label": "Conversation" }, empty("Choose a conversation."));
  room.classList.toggle("open", Boolean(id));
  let tag = null;
  const refresh = async () => {
    const seen = await news("conversations", tag);
    if (!seen || signal.aborted) return;
    const { value } = criteria() ? await call("POST", "conversations/search", { body: criteria() }) : seen.told;
    if (signal.aborted) return;
    tag = seen.tag;
    drawList(list, value, id);
    await drawThread();
  };
  const again = async () => {
    tag = null;
    await refresh();
  };
  room.append(heading("Inbox"), make("div", { class: "two" }, card(filter(again), list), side));
  const drawThread = id ? showThread(side, id, { again, signal }) : async () => {};
  await refresh();
  poll(refresh, signal);
}

function criteria() {
  const asked = { ...SHOWN[chosen.shown][1] };
  if (/^\+?[\d\s().-]{5,}$/.test(chosen.words)) asked.recipient = chosen.words;
  else if (chosen.words.length > 1) {
    asked.text = chosen.words;
    asked.after = new Date(Date.now() - SEARCHED_DAYS * 86_400_000).toISOString();
  }
  return Object.keys(asked).length ? asked : null;
}

function filter(again) {
  const shown = field("Show", make("select", {}, ...Object.entries(SHOWN).map(([name, [words]]) =>
    make("option", { value: name, selected: name === chosen.shown }, words))));
  const words = field("Find a number or a text", make("input", { type: "search", maxlength: "160", autocomplete: "off" }));
  words.control.value = chosen.words;
  const problem = make("p", { class: "error", role: "alert" });
  const look = async (event) => {
    event?.preventDefault();
    problem.textContent = "";
    Object.assign(chosen, { shown: shown.control.value, words: words.control.value.trim() });
    await again().catch((error) => { problem.textContent = error.message; });
  };
  shown.control.addEventListener("change", look);
  words.control.addEventListener("search", look);
  return make("form", { role: "search", onsubmit: look }, shown, words, problem);
}

/** Ask again and again, but not while nobody looks. */
function poll(refresh, signal) {
  const timer = setInterval(() => {
    if (!document.hidden) refresh().catch(() => {});
  }, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function drawList(list, conversations, id) {
  const rows = conversations.map((one) => make("li", {},
    make("a", { href: `#inbox/${one.id}`, "aria-current": one.id === id ? "true" : null, class: one.unread ? "unread" : null },
      make("strong", {}, one.recipient), when(one.lastActivityAt),
      make("span", { class: "last" }, one.lastMessage?.text ?? ""), make("span", { class: "marks" }, ...marks(one)))));
  list.replaceChildren(...(rows.length ? rows : [make("li", {}, empty("There are no such conversations."))]));
}

function marks(one) {
  const mark = (words, kind = "") => make("span", { class: `state ${kind}` }, words);
  return [one.unread ? mark(`${one.unread} unread`, "waiting") : null, one.waitingSince ? mark("waiting", "waiting") : null,
    one.lastMessage?.keyword ? mark(one.lastMessage.keyword) : null, one.status === "closed" ? mark("closed") : null,
    one.assignee ? mark(one.assignee) : null, ...one.labels.map((label) => mark(label))];
}
