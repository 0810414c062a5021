// The list and the settings lie beside the chat where there is room, else they slide over it.
import { byId } from "./dom.js";

let opener = null;

export function startDrawers() {
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-drawer]");
    if (pressed) show(pressed.dataset.drawer, pressed);
  });
  byId("shade").addEventListener("click", () => show(""));
  document.addEventListener("playground:chosen", () => {
    if (opener) show("", null, false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !opener) return;
    event.preventDefault();
    show("");
  }, true);
}

function show(name, pressed = null, isFocusing = true) {
  byId("shade").hidden = !name;
  for (const id of ["talks", "settings"]) {
    byId(id).classList.toggle("open", id === name);
    for (const each of document.querySelectorAll(`[data-drawer="${id}"]`)) each.setAttribute("aria-expanded", String(id === name));
  }
  for (const covered of [byId("chat"), document.querySelector(".top")]) covered.inert = Boolean(name);
  if (name) {
    opener = pressed;
    byId(name).querySelector(".drawer-close").focus();
  } else if (opener) {
    if (isFocusing) opener.focus();
    opener = null;
  }
}
