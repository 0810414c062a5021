// A model's Markdown as elements. Its text is hostile: HTML in it stays text,
// images are links, and what is left passes DOMPurify.
import { button, h } from "./dom.js";

const ALLOWED = {
  ALLOWED_TAGS: [
    ...["p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "hr", "a"],
    ...["h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"],
  ],
  ALLOWED_ATTR: ["href", "start", "class"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
// The page has its own h1 and h2.
const HEADINGS = { h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6", h6: "h6" };
const parser = makeParser();

function makeParser() {
  const made = globalThis.markdownit({ html: false, linkify: true, breaks: true }).disable("image");
  made.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  made.core.ruler.push("house", (state) => state.tokens.forEach(fitHouse));
  return made;
}

function fitHouse(token) {
  token.tag = HEADINGS[token.tag] ?? token.tag;
  if (token.tag !== "th" && token.tag !== "td") return;
  // An alignment would be an inline style, which the page's policy refuses.
  const align = token.attrGet("style")?.match(/text-align:(\w+)/)?.[1];
  token.attrs = align ? [["class", `align-${align}`]] : null;
}

// Shows a text that grows: only the blocks that changed are made anew.
export class Markdown {
  constructor(place) {
    this.place = place;
    this.shown = [];
  }

  show(text) {
    const blocks = blocksOf(text);
    let same = 0;
    while (same < blocks.length && this.shown[same]?.html === blocks[same]) same += 1;
    for (const old of this.shown.splice(same)) old.elements.forEach((element) => element.remove());
    for (const html of blocks.slice(same)) this.add(html);
  }

  add(html) {
    const fragment = cleaned(html);
    const elements = [...fragment.children];
    this.place.append(fragment);
    this.shown.push({ html, elements });
  }
}

// The HTML of each block at the top level.
function blocksOf(text) {
  const env = {};
  const blocks = [];
  let open = [];
  let depth = 0;
  for (const token of parser.parse(text, env)) {
    open.push(token);
    depth += token.nesting;
    if (depth > 0) continue;
    blocks.push(parser.renderer.render(open, parser.options, env));
    open = [];
  }
  return blocks;
}

function cleaned(html) {
  const fragment = globalThis.DOMPurify.sanitize(html, ALLOWED);
  for (const link of fragment.querySelectorAll("a")) lead(link);
  for (const pre of fragment.querySelectorAll("pre")) frame(pre);
  for (const table of fragment.querySelectorAll("table")) {
    const around = h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": "Table" });
    table.replaceWith(around);
    around.append(table);
  }
  return fragment;
}

function lead(link) {
  // An address that may not be followed is gone by now: its words stay.
  if (!link.hasAttribute("href")) return link.replaceWith(...link.childNodes);
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
}

function frame(pre) {
  const language = /language-(\S+)/.exec(pre.firstElementChild?.className ?? "")?.[1] ?? "";
  const around = h(
    "div",
    { class: "code-block" },
    h("div", { class: "code-head" }, h("span", {}, language.slice(0, 30)), button("Copy", { "data-act": "copy-code" }, "copy")),
  );
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", language ? `Code, ${language.slice(0, 30)}` : "Code");
  pre.replaceWith(around);
  around.append(pre);
}
