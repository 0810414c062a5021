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

export function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// Enter sends, but not the one that ends the composing of a word. Safari tells that one by its
// number alone: https://bugs.webkit.org/show_bug.cgi?id=165004
export const sends = (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
