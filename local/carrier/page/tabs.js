/** Tabs by the ARIA pattern: one is in the tab order, the arrow keys move among them. */

import { byId } from "./dom.js";
import { go } from "./place.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

const allTabs = () => [...byId("tabs").querySelectorAll("[role=tab]")];

export function drawTabs(selected) {
  for (const tab of allTabs()) {
    const isSelected = tab.getAttribute("aria-controls") === selected;
    tab.setAttribute("aria-selected", String(isSelected));
    tab.tabIndex = isSelected ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !isSelected;
  }
}

const select = (tab) => go({ tab: tab.getAttribute("aria-controls") }, { quietly: true });

export function setUpTabs() {
  const tabs = allTabs();
  for (const tab of tabs) tab.addEventListener("click", () => select(tab));
  byId("tabs").addEventListener("keydown", (event) => {
    const from = tabs.indexOf(document.activeElement);
    const targets = { Home: 0, End: tabs.length - 1 };
    const to = targets[event.key] ?? (event.key in STEPS ? (from + STEPS[event.key] + tabs.length) % tabs.length : null);
    if (from < 0 || to === null) return;
    event.preventDefault();
    tabs[to].focus();
    select(tabs[to]);
  });
}
