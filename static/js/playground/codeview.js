// “View code”: a question as code, in a dialog.
import { KEY_PLACEHOLDER, snippets, withoutImages } from "./code.js";
import { copy } from "../copy.js";
import { byId } from "./dom.js";

const LANGUAGES = ["curl", "openai", "ollama", "javascript"];
let shown = null;

export function startCodeView() {
  const dialog = byId("code-view");
  byId("code-close").addEventListener("click", () => dialog.close());
  byId("code-key").addEventListener("change", show);
  byId("code-copy").addEventListener("click", (event) => copy(event.currentTarget, texts()[chosen()]));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

export function viewCode(target, question) {
  shown = { target, question };
  byId("code-key").checked = false;
  byId("code-key-field").hidden = !target.key;
  show();
  byId("code-view").showModal();
}

function texts() {
  const { target, question } = shown;
  return snippets(target, question, byId("code-key").checked ? target.key : "");
}

const chosen = () => LANGUAGES.find((language) => !byId(`code-panel-${language}`).hidden) ?? "curl";

function show() {
  const found = texts();
  for (const language of LANGUAGES) byId(`code-text-${language}`).textContent = withoutImages(found[language]);
  byId("code-note").textContent = note();
}

function note() {
  const { target, question } = shown;
  const words = [`Seed ${question.settings.seed} is named, so that the same answer can be had again.`];
  if (question.messages.some((message) => message.images)) words.push("Images are shortened here and whole in the copy.");
  if (target.key && !byId("code-key").checked) words.push(`Put your key in the place of ${KEY_PLACEHOLDER}.`);
  return words.join(" ");
}
