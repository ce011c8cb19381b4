/** Where in the page one is. It is kept in the address, so a reload or a link leads back to it. */

const DEFAULT_TAB = "traffic";

/** `{number, sender, view, tab}`; number and sender may be null. */
export function place() {
  const query = new URLSearchParams(location.hash.slice(1));
  const number = query.get("handset");
  return {
    number,
    sender: query.get("with"),
    view: query.get("view") ?? (number ? "thread" : "list"),
    tab: query.get("tab") ?? DEFAULT_TAB,
  };
}

/** Go somewhere: `changes` over where one is. With `quietly`, Back does not return here. */
export function go(changes, { quietly = false } = {}) {
  const next = { ...place(), ...changes };
  const query = new URLSearchParams();
  if (next.number) query.set("handset", next.number);
  if (next.number && next.sender) query.set("with", next.sender);
  query.set("view", next.view);
  if (next.tab !== DEFAULT_TAB) query.set("tab", next.tab);
  const address = `#${query}`;
  if (address === location.hash) return;
  history[quietly ? "replaceState" : "pushState"](null, "", address);
  dispatchEvent(new Event("placechange"));
}

/** Call `listener` whenever the place changes, by the page or by the browser's Back. */
export function onPlaceChange(listener) {
  addEventListener("placechange", listener);
  addEventListener("popstate", listener);
  addEventListener("hashchange", listener);
}
