/** The switches for trouble, and the chips that show what is in force. */

import { carrier } from "./api.js";
import { byId, make, whenChanged } from "./dom.js";
import { go } from "./place.js";
import { CALM, chipWords, FIELDS, GROUPS, inForce } from "./trouble_fields.js";

let edited = null;

const idOf = (field) => `trouble-${field.name}`;

const CONTROLS = {
  share: (field) => make("span", { class: "slider" },
    make("input", { type: "range", min: "0", max: "100", step: "5", ...named(field) }),
    make("span", { class: "share", id: `${idOf(field)}-share`, "aria-hidden": "true" })),
  amount: (field) => make("span", { class: "amount" },
    make("input", { type: "number", min: field.min, max: field.max, step: field.step ?? 1, ...named(field) }),
    make("span", { class: "unit", "aria-hidden": "true" }, field.unit)),
  onOff: (field) => make("input", { type: "checkbox", role: "switch", ...named(field) }),
  choice: (field) => make("select", named(field),
    ...field.options.map(([value, words]) => make("option", { value }, words))),
};

const READERS = {
  share: (control) => Number(control.value) / 100,
  amount: (control) => (control.value === "" ? null : Number(control.value)),
  onOff: (control) => control.checked,
  choice: (control) => control.value,
};

const WRITERS = {
  share: (control, value) => {
    control.value = String(Math.round(value * 100));
    showShare(control);
  },
  amount: (control, value) => { control.value = value ?? ""; },
  onOff: (control, value) => { control.checked = value; },
  choice: (control, value) => { control.value = value; },
};

const named = (field) => ({ id: idOf(field), name: field.name, "aria-describedby": `${idOf(field)}-hint` });

function showShare(control) {
  const words = `${control.value} %`;
  control.setAttribute("aria-valuetext", words);
  byId(`${control.id}-share`).textContent = words;
}

function makeField(field) {
  return make("div", { class: `row ${field.kind}` },
    make("div", { class: "row-words" },
      make("label", { for: idOf(field) }, field.label),
      make("span", { class: "hint", id: `${idOf(field)}-hint` }, field.hint)),
    CONTROLS[field.kind](field));
}

export function drawTrouble(trouble) {
  const active = inForce(trouble);
  byId("calm").hidden = active.length === 0;
  whenChanged(byId("chips"), active.map((field) => [field.name, trouble[field.name]]), () => {
    byId("chips").replaceChildren(...active.map((field) =>
      make("li", {}, make("button", { type: "button", class: "chip", onclick: () => showField(field) },
        chipWords(field, trouble[field.name])))));
  });
  for (const field of FIELDS.filter(({ name }) => name in trouble)) {
    const control = byId(idOf(field));
    if (control !== edited) WRITERS[field.kind](control, trouble[field.name]);
  }
}

function showField(field) {
  go({ tab: "trouble", view: "panel" });
  byId(idOf(field)).focus();
}

export function setUpTrouble(redraw) {
  const form = byId("trouble-form");
  form.append(...GROUPS.map(({ title, fields }) =>
    make("fieldset", { class: "group" }, make("legend", {}, title), ...fields.map(makeField))));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    edited = target;
    if (target.type === "range") showShare(target);
  });
  form.addEventListener("change", ({ target }) => {
    edited = null;
    put(readField(target), redraw);
  });
  form.addEventListener("focusout", () => { edited = null; });
  byId("calm").addEventListener("click", async () => {
    await put(CALM, redraw);
    byId("top-title").focus();
  });
  byId("reset").addEventListener("click", async () => {
    if (!confirm("Remove every handset, text and event, and calm all trouble?")) return;
    await attempt(() => carrier.reset(), redraw);
  });
}

function readField(control) {
  const field = FIELDS.find(({ name }) => name === control.name);
  return { [field.name]: READERS[field.kind](control) };
}

const put = (changes, redraw) => attempt(() => carrier.setTrouble(changes), redraw);

async function attempt(action, redraw) {
  const error = byId("trouble-error");
  error.textContent = "";
  try {
    await action();
  } catch (refusal) {
    error.textContent = refusal.message;
  }
  await redraw();
}
