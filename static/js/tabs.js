// Tabs as https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ has them.
import { onEachPage } from "./swaps.js";

let chosen = "";

export function startTabs() {
  onEachPage(arrange);
  document.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[role=tab]");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!tab || !step) return;
    const tabs = [...tab.parentElement.children];
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

function choose(tab) {
  chosen = tab.id;
  arrange();
}

function arrange() {
  for (const list of document.querySelectorAll("[role=tablist]")) {
    const tabs = [...list.children];
    const on = tabs.find((tab) => tab.id === chosen) ?? tabs[0];
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === on));
      tab.tabIndex = tab === on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== on;
    }
  }
}
