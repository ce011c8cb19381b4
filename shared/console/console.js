/** The frame: sign-in, and which view is shown. The address has only the view and opaque ids. */

import { ApiError, call, forgetKey, hasKey, keepKey } from "./api.js";
import { card, empty, field, heading, make } from "./dom.js";
import { showAnalytics } from "./analytics.js";
import { showCampaigns } from "./campaigns.js";
import { showFailures } from "./failures.js";
import { showInbox } from "./inbox.js";
import { showMessage } from "./message.js";
import { showOptOuts } from "./opt_outs.js";
import { showQuickReplies } from "./quick_replies.js";
import { showSend } from "./send.js";

const VIEWS = {
  inbox: ["Inbox", showInbox],
  send: ["Send", showSend],
  campaigns: ["Campaigns", showCampaigns],
  message: ["Look up", showMessage],
  "quick-replies": ["Quick replies", showQuickReplies],
  "opt-outs": ["Opt-outs", showOptOuts],
  analytics: ["Analytics", showAnalytics],
  failures: ["Failures", showFailures],
};

const place = document.getElementById("view");
let leave = new AbortController();

/** Show the view that the address names; `signal` ends what the view before it had running. */
async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const [name, id] = location.hash.slice(1).split("/");
  const chosen = VIEWS[name] ? name : "inbox";
  const [words, view] = VIEWS[chosen];
  drawLinks(chosen);
  document.title = `${words} – SMS console`;
  const room = make("div", { class: `view ${chosen}` });
  place.replaceChildren(room);
  try {
    await view(room, { id, signal });
  } catch (error) {
    if (!signal.aborted) trouble(room, error);
  }
}

function trouble(room, error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) signIn();
  else room.append(make("p", { class: "error", role: "alert" }, error.message));
}

function drawLinks(chosen) {
  const links = Object.entries(VIEWS).map(([name, [words]]) =>
    make("a", { href: `#${name}`, "aria-current": name === chosen ? "page" : null }, words));
  document.getElementById("views").replaceChildren(...links);
  document.getElementById("sign-out").hidden = !hasKey();
}

function signIn() {
  const wrong = hasKey();
  forgetKey();
  const key = field("Function key", make("input", { type: "password", autocomplete: "off", required: true }),
    "It stays in this tab until the tab is closed, and goes nowhere but to this app.");
  const enter = async (event) => {
    event.preventDefault();
    keepKey(key.control.value.trim());
    await show();
  };
  const platform = make("a", { href: `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname)}` },
    "Sign in with Microsoft Entra");
  place.replaceChildren(card(heading("Sign in"),
    wrong ? make("p", { class: "error", role: "alert" }, "This key was not accepted.") : null,
    make("form", { onsubmit: enter }, key, make("button", { class: "button" }, "Sign in")),
    empty("Where the app uses the platform's own sign-in:"), platform));
  key.control.focus();
}

document.getElementById("sign-out").addEventListener("click", () => {
  forgetKey();
  show();
});
addEventListener("hashchange", show);
show();
