/** Small helpers to build the page. Text only ever enters it as text, never as markup. */

/** Make an element: functions become listeners of `on…`; null, undefined and false are left out. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export const button = (words, onclick, kind = "") => make("button", { type: "button", class: `button ${kind}`, onclick }, words);

let fields = 0;

/** Make a label with its control; the control is `.control` of what is returned. */
export function field(label, control, hint = null) {
  control.id = `field-${(fields += 1)}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  const node = make("div", { class: "field" }, make("label", { for: control.id }, label), control,
    hint && make("p", { class: "hint", id: `${control.id}-hint` }, hint));
  node.control = control;
  return node;
}

/** Make a table; cells are strings or nodes. */
export function table(caption, heads, rows) {
  const cells = (row) => row.map((cell) => make("td", {}, cell ?? ""));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, cells(row))))));
}

export const heading = (words) => make("h1", {}, words);

export const card = (...children) => make("section", { class: "card" }, ...children);

/** Show a time of today as a time, any other one with its date; all of it is in the title. */
export function when(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  const shown = at.toLocaleString(undefined, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
  return make("time", { datetime: iso, title: at.toLocaleString() }, shown);
}

export const state = (words) => make("span", { class: `state ${words}` }, words);

export const empty = (words) => make("p", { class: "hint" }, words);

/** Say something for a few seconds, to screen readers too. */
export function say(words) {
  const notice = document.getElementById("notice");
  notice.textContent = words;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { notice.textContent = ""; }, 6000);
}
