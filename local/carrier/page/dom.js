/** Small helpers to build and update the page. Text only ever enters it as text, never as markup. */

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Object<string, unknown>} attributes `onclick`-like functions become listeners; null, undefined and false are left out
 * @param {...(Node|string|null)} children strings become text nodes
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const hiddenText = (text) => make("span", { class: "visually-hidden" }, text);

export function timeElement(iso, words) {
  return make("time", { datetime: iso, title: new Date(iso).toLocaleString() }, words);
}

/** A button that copies `text` and says so. */
function copyButton(text, label) {
  const words = make("span", {}, "Copy");
  const copy = async () => {
    words.textContent = (await copied(text)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { words.textContent = "Copy"; }, 2000);
  };
  return make("button", { type: "button", class: "button quiet", onclick: copy }, icon("copy"), words, hiddenText(` the ${label}`));
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Code in a box that can be copied. */
export function copyable(text, label) {
  return make("div", { class: "copyable" },
    make("pre", { tabindex: "0", role: "region", "aria-label": label }, make("code", {}, text)),
    copyButton(text, label));
}

/**
 * Make the children of `parent` one per item, in order, keeping the nodes (and the focus) of items that were there.
 *
 * @param {Element} parent
 * @param {Array<object>} items
 * @param {{key: function, create: function, update: function}} how
 */
export function reconcile(parent, items, { key, create, update }) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(items.map((item) => String(key(item))));
  const known = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) known.set(child.dataset.key, child);
    else child.remove();
  }
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const node = known.get(id) ?? create(item);
    node.dataset.key = id;
    update(node, item);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

/** Run `draw` only if `value` is another than at the last call for this node. */
export function whenChanged(node, value, draw) {
  const mark = JSON.stringify(value);
  if (node.dataset.drawn === mark) return;
  node.dataset.drawn = mark;
  draw();
}
