/** The table of magic recipients. */

import { carrier } from "./api.js";
import { byId, make } from "./dom.js";
import { openHandset } from "./handsets.js";

const PREFIX = "+1425555";

export function drawMagic(rows, redraw) {
  byId("magic-rows").replaceChildren(...rows.map(({ suffix, meaning }) =>
    make("tr", {},
      make("th", { scope: "row" }, suffix),
      make("td", {}, ...withCode(meaning)),
      make("td", {}, make("button", {
        type: "button",
        class: "button quiet",
        "aria-label": `Try ${PREFIX}${suffix}`,
        onclick: () => useNumber(`${PREFIX}${suffix}`, redraw),
      }, "Try")))));
}

/** Text with its parts between backticks as code. */
const withCode = (text) => text.split("`").map((part, position) => (position % 2 ? make("code", {}, part) : part));

async function useNumber(number, redraw) {
  try {
    await carrier.addHandset(number);
  } catch {
    return; // The carrier is away, which the connection state tells.
  }
  await redraw();
  openHandset(number);
}
