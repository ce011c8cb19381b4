/** Opt-outs: who has left, one person's history, add and remove. */

import { call, download } from "./api.js";
import { button, card, empty, field, heading, make, say, table, when } from "./dom.js";

export async function showOptOuts(room) {
  const number = field("Number", make("input", { type: "tel", autocomplete: "off", required: true }));
  const from = field("Sender", make("input", { autocomplete: "off" }), "Empty: all senders.");
  const told = make("div", { "aria-live": "polite" });
  const list = make("div");
  const guarded = (act) => async (event) => {
    event?.preventDefault();
    if (!form.reportValidity()) return;
    try {
      await act(number.control.value.trim());
    } catch (error) {
      told.replaceChildren(make("p", { class: "error", role: "alert" }, error.message));
    }
  };
  const history = guarded(async (recipient) => {
    const { value } = await call("POST", "opt-outs/history", { body: { recipient } });
    told.replaceChildren(value.length
      ? table("History", ["At", "State", "Of", "Source", "Word"], value.map((one) => [when(one.at), one.state, one.scopes.join(", "), one.source, one.keyword]))
      : empty("This number has never opted out or in."));
  });
  const change = (verb) => guarded(async (recipient) => {
    const sender = from.control.value.trim();
    const { value: [one] } = await call("POST", `opt-outs/${verb}`, { body: { recipients: [recipient], ...(sender ? { from: sender } : {}) } });
    say(one.errorMessage ?? "Done.");
    await refresh();
  });
  const form = make("form", { onsubmit: history }, number, from, make("div", { class: "row" },
    make("button", { class: "button" }, "History"), button("Opt out", change("add"), "quiet"), button("Opt in again", change("remove"), "quiet")));
  const refresh = async () => {
    const { value } = await call("GET", "opt-outs");
    list.replaceChildren(value.length
      ? table("In force", ["Number", "Of", "Since", "Source", "Word"], value.map((one) => [one.recipient, one.scope, when(one.since), one.source, one.keyword]))
      : empty("Nobody has opted out."));
  };
  room.append(heading("Opt-outs"), make("div", { class: "two" }, card(form, told),
    card(list, button("All as CSV", () => download("opt-outs?format=csv", "opt-outs.csv"), "quiet"))));
  await refresh();
}
