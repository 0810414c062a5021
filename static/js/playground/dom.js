// Elements made by hand: text is always text.
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

// h("p", { class: "hint", onclick: work }, "words", child)
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) put(element, key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function put(element, key, value) {
  if (value === false || value === null || value === undefined) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else element.setAttribute(key, value === true ? "" : value);
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${byId("play").dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

export function button(words, attributes, picture) {
  const { class: extra = "", ...rest } = attributes;
  const classes = `btn quiet ${extra}`.trim();
  return h("button", { type: "button", class: classes, ...rest }, picture ? icon(picture) : null, words);
}

export function say(words) {
  byId("announcer").textContent = words;
}

export async function copy(from, text) {
  const done = await toClipboard(from, text);
  const words = done ? "Copied" : "The browser does not allow copying here";
  from.dataset.said = words;
  from.classList.toggle("done", done);
  say(words);
  setTimeout(() => {
    delete from.dataset.said;
    from.classList.remove("done");
  }, 1600);
}

async function toClipboard(from, text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(from, text);
  }
}

// Over plain http there is no clipboard, yet a selection can still be copied.
function copyBySelection(from, text) {
  const field = h("textarea", { class: "visually-hidden", readonly: true, tabindex: "-1", "aria-hidden": "true" });
  field.value = text;
  from.after(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  from.focus();
  return done;
}

export function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
