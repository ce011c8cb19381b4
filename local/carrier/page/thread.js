/** The phone: one handset's conversation with one sender. */

import { byId, copyable, hiddenText, icon, make, reconcile, timeElement, whenChanged } from "./dom.js";
import { markSeen, unseen } from "./memory.js";
import { go } from "./place.js";
import { clockTime, dayOf, isTwoWay, segmentsOf, spoken, stateOf } from "./words.js";

const NEAR_BOTTOM_PX = 48;
const ANNOUNCED = 10;

let drawnConversation = null;
let wasVisible = false;

/** The sender whose conversation to show: the one asked for, else the latest to write, else the first that takes replies. */
export function conversationOf(handset, senders, asked) {
  const known = conversations(handset, senders);
  if (known.includes(asked)) return asked;
  return handset.messages.at(-1)?.sender ?? known[0] ?? null;
}

function conversations(handset, senders) {
  const twoWay = senders.filter(isTwoWay).map((sender) => sender.sender);
  return [...new Set([...twoWay, ...handset.messages.map((message) => message.sender)])];
}

export function drawThread(handset, sender, senders, firstText) {
  const view = byId("messages-view");
  const isVisible = view.offsetParent !== null;
  const conversation = `${handset.number} ${sender}`;
  const isNew = conversation !== drawnConversation;
  const jump = isNew || (isVisible && !wasVisible) || isAtBottom(view);

  byId("thread-title").textContent = spoken(handset.number);
  drawConversations(handset, sender, senders);
  const messages = handset.messages.filter((message) => message.sender === sender);
  drawEmpty(messages.length === 0, firstText);
  const news = drawMessages(messages);

  if (jump) toBottom();
  else if (news.length > 0) byId("newest").hidden = false;
  if (!isNew) announce(news);
  if (isVisible && !document.hidden) markSeen(handset, sender);
  drawnConversation = conversation;
  wasVisible = isVisible;
}

function drawConversations(handset, selected, senders) {
  reconcile(byId("conversations"), conversations(handset, senders), {
    key: (sender) => sender,
    create: (sender) => make("button", { type: "button", onclick: () => go({ sender, view: "thread" }, { quietly: true }) }),
    update: (button, sender) => {
      button.setAttribute("aria-pressed", String(sender === selected));
      const count = sender === selected ? 0 : unseen(handset, sender);
      whenChanged(button, count, () => button.replaceChildren(spoken(sender),
        ...(count ? [make("span", { class: "unread" }, String(count), hiddenText(" new"))] : [])));
    },
  });
}

function drawEmpty(isEmpty, firstText) {
  const box = byId("thread-empty");
  box.hidden = !isEmpty;
  if (!isEmpty) return;
  whenChanged(box, firstText, () => box.replaceChildren(
    make("p", { class: "empty-title" }, "No texts here yet"),
    make("p", { class: "hint" }, "Let the app text this handset:"),
    copyable(firstText, "command that texts this handset")));
}

/** Draw bubbles and day lines; returns what is new: messages that came, and messages whose state changed. */
function drawMessages(messages) {
  const news = [];
  reconcile(byId("messages"), withDays(messages), {
    key: (item) => item.key,
    create: (item) => (item.message ? makeBubble(item.message) : make("li", { class: "day" }, make("span", {}, item.day))),
    update: (node, { message }) => {
      if (!message) return;
      const before = node.dataset.state ?? null;
      const after = stateOf(message).words;
      if (before === after) return;
      news.push({ message, isNew: before === null });
      node.dataset.state = after;
      node.dataset.kind = message.state;
      drawFacts(node.lastElementChild, message);
    },
  });
  return news;
}

function withDays(messages) {
  const items = [];
  let day = null;
  for (const message of messages) {
    if (dayOf(message.at) !== day) {
      day = dayOf(message.at);
      items.push({ key: `day ${day}`, day });
    }
    items.push({ key: message.id, message });
  }
  return items;
}

function makeBubble(message) {
  const side = message.network ? "network" : message.direction === "toHandset" ? "incoming" : "outgoing";
  return make("li", { class: `message ${side}` },
    make("div", { class: "bubble" },
      message.network ? make("p", { class: "from-network" }, icon("tower"), "From the network") : hiddenText(writer(message)),
      make("p", { class: "text" }, message.text)),
    make("p", { class: "facts" }));
}

const writer = (message) => (message.direction === "toHandset" ? `${spoken(message.sender)} wrote: ` : "This handset wrote: ");

function drawFacts(line, message) {
  const state = stateOf(message);
  const segments = message.direction === "toHandset" ? segmentsOf(message) : null;
  line.replaceChildren(
    timeElement(message.at, clockTime(message.at)),
    make("span", { class: "state" }, icon(state.icon), state.words),
    ...(segments ? [make("span", { class: "segments" }, segments)] : []));
}

function announce(news) {
  const announcer = byId("announcer");
  announcer.append(...news.map(({ message, isNew }) =>
    make("p", {}, isNew ? `${writer(message)}${message.text}` : `${stateOf(message).words}: ${message.text}`)));
  while (announcer.childElementCount > ANNOUNCED) announcer.firstElementChild.remove();
}

const isAtBottom = (view) => view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_BOTTOM_PX;

export function toBottom() {
  const view = byId("messages-view");
  view.scrollTop = view.scrollHeight;
  byId("newest").hidden = true;
}

export function setUpThread() {
  const view = byId("messages-view");
  view.addEventListener("scroll", () => {
    if (isAtBottom(view)) byId("newest").hidden = true;
  });
  byId("newest").addEventListener("click", toBottom);
}
