/** The box to reply as the person who holds the handset. */

import { carrier } from "./api.js";
import { byId } from "./dom.js";
import { draft, keepDraft } from "./memory.js";
import { toBottom } from "./thread.js";
import { isTwoWay, spoken } from "./words.js";

const MAX_HEIGHT_PX = 120;

let current = { number: null, sender: null };

export function drawReply(number, sender) {
  const canReply = sender !== undefined && isTwoWay(sender);
  byId("reply").hidden = !canReply;
  byId("one-way").hidden = canReply;
  byId("one-way").textContent = sender ? `${sender.sender} is one-way: nobody can reply to it.` : "No sender takes replies.";
  if (!canReply || (current.number === number && current.sender === sender.sender)) return;
  current = { number, sender: sender.sender };
  byId("reply-label").textContent = `Reply to ${spoken(sender.sender)}`;
  byId("reply-text").value = draft(number, sender.sender);
  byId("reply-error").textContent = "";
  fitHeight();
}

async function send(text) {
  const { number, sender } = current;
  byId("reply-error").textContent = "";
  try {
    await carrier.reply(number, sender, text);
  } catch (error) {
    byId("reply-error").textContent = error.message;
    return false;
  }
  toBottom();
  return true;
}

async function sendWritten() {
  const box = byId("reply-text");
  const text = box.value;
  if (!text.trim()) {
    byId("reply-error").textContent = "Write something first.";
    box.focus();
    return;
  }
  const { number, sender } = current;
  if (!(await send(text))) return;
  keepDraft(number, sender, "");
  if (current.number === number && current.sender === sender) box.value = "";
  fitHeight();
  box.focus();
}

function fitHeight() {
  const box = byId("reply-text");
  box.style.height = "auto";
  if (box.scrollHeight) box.style.height = `${Math.min(box.scrollHeight + 2, MAX_HEIGHT_PX)}px`;
}

export function setUpReply() {
  const box = byId("reply-text");
  box.addEventListener("input", () => {
    byId("reply-error").textContent = "";
    keepDraft(current.number, current.sender, box.value);
    fitHeight();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("reply").requestSubmit();
  });
  byId("reply").addEventListener("submit", (event) => {
    event.preventDefault();
    sendWritten();
  });
  for (const button of byId("reply").querySelectorAll("[data-text]")) {
    button.addEventListener("click", () => send(button.dataset.text));
  }
}
