// The list of conversations, their titles, exporting, and deleting with a way back.
import { byId, button, h, save, say } from "./dom.js";
import { onChat, runningAnswers, showTalk } from "./chat.js";
import { asJson, asMarkdown, fileName } from "./export.js";
import { when } from "./figures.js";
import { runOf } from "./run.js";
import { writeSettings } from "./settings.js";
import { catchUp, forget, open, saveTalk, state, talksByAge } from "./state.js";
import { newTalk, titleOf } from "./talk.js";

const UNDO_MS = 12_000;
let hiding = 0;

export function startTalks() {
  byId("new-talk").addEventListener("click", () => begin());
  byId("talk-list").addEventListener("click", (event) => {
    const id = event.target.closest("[data-talk]")?.dataset.talk;
    if (!id) return;
    const talk = state.talks.get(id);
    if (event.target.closest(".talk-delete")) drop([talk], event);
    else go(talk);
  });
  byId("clear").addEventListener("click", (event) => drop([state.talk], event));
  byId("delete-all").addEventListener("click", (event) => drop([...state.talks.values()], event));
  byId("title").addEventListener("change", rename);
  byId("title").addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.target.blur();
  });
  startExport();
  onChat(show);
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden || [...state.talks.values()].some((talk) => runningAnswers(talk).length)) return;
    if (await catchUp()) showTalk();
    else show();
  });
}

function begin() {
  open(newTalk());
  showTalk();
  byId("prompt").focus();
  document.dispatchEvent(new Event("playground:chosen"));
}

function go(talk) {
  open(talk);
  if (talk.settings) writeSettings(talk.settings);
  showTalk();
  byId("prompt").focus();
  document.dispatchEvent(new Event("playground:chosen"));
}

function rename(event) {
  state.talk.title = event.target.value.trim();
  saveTalk(state.talk).then(show);
}

async function drop(talks, event) {
  for (const talk of talks) {
    for (const answer of runningAnswers(talk)) runOf(answer).stop();
    await forget(talk);
  }
  if (talks.includes(state.talk)) open(newTalk());
  showTalk();
  const undo = offerUndo(talks);
  // Who comes by keyboard would need many a Tab to the end of the page.
  const isByKeyboard = event.detail === 0;
  (isByKeyboard ? undo : byId("prompt")).focus();
}

function offerUndo(talks) {
  const toast = byId("toast");
  const words = talks.length === 1 ? "Conversation deleted." : `${talks.length} conversations deleted.`;
  const undo = button("Undo", { onclick: async () => {
    toast.hidden = true;
    const times = talks.map((talk) => talk.updated);
    for (const [at, talk] of talks.entries()) {
      await saveTalk(talk);
      talk.updated = times[at];
    }
    go(talks.at(-1));
  } });
  toast.replaceChildren(h("span", {}, words), undo);
  toast.hidden = false;
  say(words);
  hideLater(toast);
  return undo;
}

// Not while somebody is about to press it.
function hideLater(toast) {
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) hideLater(toast);
    else toast.hidden = true;
  }, UNDO_MS);
}

function show() {
  const talks = talksByAge();
  byId("talk-list").replaceChildren(...talks.map(item));
  byId("delete-all").hidden = !talks.length;
  if (!state.store.isKept) byId("kept-hint").textContent = "This browser has no room for this page, or keeps nothing (a private window?): what you say is gone when you close it.";
  const isEmpty = !state.talks.has(state.talk.id);
  byId("title").disabled = isEmpty;
  byId("title").value = isEmpty ? "" : titleOf(state.talk);
  byId("clear").disabled = isEmpty;
  byId("export").classList.toggle("off", isEmpty);
  document.title = isEmpty ? "Playground · OneClickLLM" : `${titleOf(state.talk)} · Playground`;
}

function item(talk) {
  const title = titleOf(talk);
  const isShown = talk.id === state.talk.id;
  return h(
    "li",
    { class: isShown ? "on" : "", "data-talk": talk.id },
    h("button", { type: "button", class: "talk", "aria-current": isShown ? "true" : false }, h("span", { class: "talk-title" }, title), h("span", { class: "talk-when dimmer" }, when(talk.updated))),
    button("", { class: "talk-delete", "aria-label": `Delete “${title}”`, title: "Delete" }, "trash-2"),
  );
}

function startExport() {
  const menu = byId("export");
  menu.addEventListener("click", (event) => {
    const kind = event.target.closest("[data-export]")?.dataset.export;
    if (!kind) return;
    menu.open = false;
    menu.firstElementChild.focus();
    if (kind === "json") save(fileName(state.talk, "json"), "application/json", asJson(state.talk));
    else save(fileName(state.talk, "md"), "text/markdown", asMarkdown(state.talk));
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    menu.open = false;
    menu.firstElementChild.focus();
  });
}
