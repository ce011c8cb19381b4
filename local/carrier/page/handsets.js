/** The row of handsets, and the form that adds one. */

import { carrier } from "./api.js";
import { byId, hiddenText, make, reconcile, timeElement, whenChanged } from "./dom.js";
import { unseen } from "./memory.js";
import { go } from "./place.js";
import { briefTime, isTwoWay, senderType, spoken, stateOf } from "./words.js";

const E164 = /^\+[1-9]\d{6,14}$/;

/** Open a handset's thread and take the reader there. */
export function openHandset(number, sender = null) {
  go({ number, sender, view: "thread" });
  byId("thread-title").focus({ preventScroll: true });
}

export function drawHandsets(handsets, selected) {
  reconcile(byId("handsets"), handsets, {
    key: (handset) => handset.number,
    create: (handset) => makeHandset(handset.number),
    update: (item, handset) => updateHandset(item, handset, handset.number === selected),
  });
}

function makeHandset(number) {
  const glyph = make("span", { class: `glyph tone-${toneOf(number)}`, "aria-hidden": "true" }, make("span"));
  return make("li", {},
    make("button", { type: "button", class: "handset", "data-number": number, onclick: () => openHandset(number) },
      glyph, make("span", { class: "handset-words" })));
}

function updateHandset(item, handset, isSelected) {
  const button = item.firstElementChild;
  if (isSelected) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  const count = unseen(handset);
  const last = handset.messages.at(-1);
  whenChanged(button, [count, last, handset.lastActivityAt, new Date().toDateString()], () => {
    button.lastElementChild.replaceChildren(
      make("span", { class: "handset-line" },
        make("span", { class: "number" }, spoken(handset.number)),
        timeElement(handset.lastActivityAt, briefTime(handset.lastActivityAt))),
      make("span", { class: "handset-line" },
        make("span", { class: "preview", "data-state": last?.state ?? "" }, preview(last)),
        count ? make("span", { class: "unread" }, String(count), hiddenText(" new")) : null));
  });
}

function preview(message) {
  if (!message) return "No texts yet";
  if (message.state === "failed") return stateOf(message).words;
  return message.direction === "fromHandset" ? `Replied: ${message.text}` : message.text;
}

const TONES = 6;

/** A colour for a handset: always the same for the same number. */
const toneOf = (number) => Number(number.replaceAll(/\D/g, "").slice(-6)) % TONES;

export function drawSenders(senders) {
  whenChanged(byId("senders"), senders, () => {
    byId("senders").replaceChildren(...senders.map((sender) =>
      make("li", {},
        make("span", { class: "number" }, spoken(sender.sender)),
        make("span", { class: "hint" }, `${senderType(sender)}, ${isTwoWay(sender) ? "two-way" : "one-way"}`))));
  });
}

export function setUpHandsets(redraw) {
  byId("new-handset").addEventListener("submit", async (event) => {
    event.preventDefault();
    await addHandset(byId("new-number").value.replaceAll(/[\s().-]/g, ""), redraw);
  });
  byId("new-number").addEventListener("input", () => showNumberError(""));
}

async function addHandset(number, redraw) {
  if (!E164.test(number)) {
    showNumberError("Write the number with + and its country code, like +14255550123.");
    return;
  }
  try {
    await carrier.addHandset(number);
  } catch (error) {
    showNumberError(error.message);
    return;
  }
  byId("new-handset").reset();
  await redraw();
  openHandset(number);
}

function showNumberError(words) {
  const input = byId("new-number");
  byId("new-number-error").textContent = words;
  input.setAttribute("aria-invalid", String(Boolean(words)));
  if (words) input.focus();
}
