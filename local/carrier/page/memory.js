/** What the browser remembers over a reload: which texts were seen, and replies begun. Works without storage too. */

function remembered(storage, name) {
  let values = {};
  try {
    values = JSON.parse(storage().getItem(name)) ?? {};
  } catch {
    values = {};
  }
  const keep = () => {
    try {
      storage().setItem(name, JSON.stringify(values));
    } catch {
      // Private windows may refuse storage; the page then forgets at a reload.
    }
  };
  return {
    get: (key) => values[key],
    set: (key, value) => {
      if (values[key] === value) return;
      if (value) values[key] = value;
      else delete values[key];
      keep();
    },
  };
}

const seen = remembered(() => localStorage, "carrier.seen");
const drafts = remembered(() => sessionStorage, "carrier.drafts");

const keyOf = (number, sender) => `${number} ${sender}`;

/** How many texts to this handset, of one sender or of all, came after the last one seen. */
export function unseen(handset, sender = null) {
  const senders = sender ? [sender] : [...new Set(handset.messages.map((message) => message.sender))];
  return senders.reduce((sum, each) => sum + unseenOf(handset, each), 0);
}

function unseenOf(handset, sender) {
  const arrived = arrivedFrom(handset, sender);
  const last = seen.get(keyOf(handset.number, sender));
  return arrived.length - 1 - arrived.findLastIndex((message) => message.id === last);
}

export function markSeen(handset, sender) {
  const last = arrivedFrom(handset, sender).at(-1);
  if (last) seen.set(keyOf(handset.number, sender), last.id);
}

const arrivedFrom = (handset, sender) =>
  handset.messages.filter((message) => message.sender === sender && message.direction === "toHandset");

export const draft = (number, sender) => drafts.get(keyOf(number, sender)) ?? "";

export const keepDraft = (number, sender, text) => drafts.set(keyOf(number, sender), text);
