// The conversation in the middle: showing it, asking, stopping, asking again, branching.
import { copy } from "../copy.js";
import { byId, button, h, say, sends } from "./dom.js";
import { grouped } from "./figures.js";
import { viewCode } from "./codeview.js";
import { Run, isRunning, runOf } from "./run.js";
import { followEnd } from "./scroll.js";
import { modelNamed, readSettings, sentSettings } from "./settings.js";
import { saveSoon, saveTalk, state } from "./state.js";
import { withLatest, withLatestImages } from "./request.js";
import { can, refreshContext } from "./target.js";
import { addTurn, answersOf, choose, followersOf, messagesTo, newId, removeTurn, shownPath, titleOf } from "./talk.js";
import { turnView } from "./turns.js";

const TICK_MS = 100;
const LONGEST_READ_OUT = 700;
const views = new Map();
const listeners = [];
let scroll = null;
let ticking = 0;

// Called when the conversation, or what runs in it, has changed.
export const onChat = (work) => listeners.push(work);
const tell = () => listeners.forEach((work) => work());

export function startChat() {
  scroll = followEnd(byId("log"), byId("jump"), () => !byId("empty").hidden);
  byId("messages").addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-act]");
    if (pressed) act(pressed);
  });
}

export function showTalk() {
  views.clear();
  const elements = [];
  let before = "";
  for (const turn of shownPath(state.talk)) {
    const view = turnView(state.talk, turn, before || turn.answers?.[0].model);
    elements.push(view.element);
    for (const answer of view.answers) views.set(answer.answer.id, answer);
    before = turn.answers?.at(-1).model ?? before;
  }
  byId("messages").replaceChildren(...elements);
  byId("empty").hidden = elements.length > 0;
  byId("chat").classList.toggle("is-empty", elements.length === 0);
  scroll.grown();
  keepTicking();
  tell();
}

export const runningAnswers = (talk = state.talk) => answersOf(talk).filter(isRunning);

export function stop() {
  for (const answer of runningAnswers()) runOf(answer).stop();
}

export function send(text, images) {
  const last = shownPath(state.talk).at(-1);
  ask(addTurn(state.talk, last?.id ?? "", { role: "user", text, images }));
}

// Let the chosen model, or the two that are compared, answer a user's turn.
function ask(question) {
  const { talk, target } = state;
  const settings = readSettings();
  talk.settings = settings;
  const models = settings.rival ? [settings.model, settings.rival] : [settings.model];
  const turn = addTurn(talk, question.id, { role: "assistant", answers: models.map((model) => newAnswer(model, settings, target)) });
  for (const answer of turn.answers) begin(talk, turn, answer, target);
  saveTalk(talk);
  showTalk();
  scroll.go();
  keepFocus();
  say(`${models.join(" and ")} ${models.length > 1 ? "are" : "is"} reading.`);
}

// What had the focus may be gone with the old elements: one goes on in the box below.
function keepFocus() {
  const isTouch = matchMedia("(pointer: coarse)").matches;
  if (document.activeElement === document.body && !isTouch) byId("prompt").focus();
}

function newAnswer(model, settings, target) {
  return {
    id: newId(),
    model,
    settings: sentSettings(model, settings),
    where: target.url,
    dialect: target.dialect,
    text: "",
    thinking: "",
    state: "running",
    figures: { phases: {} },
  };
}

function begin(talk, turn, answer, target) {
  let phase = "";
  const question = talk.turns[turn.parent];
  const run = new Run(answer, target, questionOf(talk, question, answer), (isEnd) => {
    views.get(answer.id)?.update();
    if (isEnd) ended(talk, turn, target);
    else saveSoon(talk);
    if (run.phase === "queued" && phase !== "queued") say(`Queued, place ${run.place}.`);
    phase = run.phase;
    if (talk === state.talk) scroll.grown();
  });
  run.go();
}

function ended(talk, turn, target) {
  if (state.talks.has(talk.id)) saveTalk(talk);
  if (talk === state.talk) {
    // Two at nearly the same time would drown each other out.
    if (!turn.answers.some(isRunning)) say(turn.answers.map(readOut).join(" "));
    keepTicking();
    tell();
  }
  refreshContext(target).then(tell);
}

// What a screen reader is told: the answer once, when it is whole.
function readOut({ model, state: how, text, trouble }) {
  if (how === "failed") return `${trouble.words} ${trouble.detail}`.trim();
  const words = text.length > LONGEST_READ_OUT ? `${text.slice(0, LONGEST_READ_OUT)} … and more.` : text;
  return how === "stopped" ? "Stopped." : `${model}: ${words || "an empty answer."}`;
}

function questionOf(talk, turn, answer) {
  const messages = fitted(messagesTo(talk, turn, answer.model), answer);
  return { model: answer.model, messages, settings: answer.settings };
}

// What of a conversation can be sent: the demo takes so much at once.
function fitted(messages, answer) {
  const seen = withLatestImages(messages, imagesFor(answer));
  if (answer.where !== location.origin) return seen;
  const { mostCharacters, mostMessages } = byId("play").dataset;
  return withLatest(seen, Number(mostMessages) - 1, Number(mostCharacters) - (answer.settings.system ?? "").length);
}

// Whether the latest question of the conversation went without its beginning.
export function isShortened() {
  const [question, turn] = shownPath(state.talk).slice(-2);
  const [answer] = turn?.answers ?? [];
  if (!answer) return false;
  const messages = messagesTo(state.talk, question, answer.model);
  return fitted(messages, answer).length < messages.length;
}

// How many images a model is sent: none where it cannot see, the demo's limit there.
function imagesFor({ model, where }) {
  const known = modelNamed(model);
  if (known && !can(known, "vision")) return 0;
  return where === location.origin ? Number(byId("play").dataset.mostImages) : Infinity;
}

function keepTicking() {
  clearInterval(ticking);
  ticking = setInterval(() => {
    const going = [...views.values()].map((view) => view.tick());
    if (!going.some(Boolean)) clearInterval(ticking);
  }, TICK_MS);
}

const ACTS = {
  copy: (turn, answer, pressed) => copy(pressed, answer?.text ?? turn.text),
  "copy-code": (_turn, _answer, pressed) => copy(pressed, pressed.closest(".code-block").querySelector("code").textContent),
  again: (turn) => again(turn),
  retry: (turn) => retry(turn),
  code: (turn, answer) => showCode(turn, answer),
  edit: (turn) => edit(turn),
  previous: (turn) => step(turn, -1),
  next: (turn) => step(turn, 1),
};

function act(pressed) {
  const turn = state.talk.turns[pressed.closest("[data-turn]").dataset.turn];
  const at = pressed.closest("[data-answer]")?.dataset.answer;
  ACTS[pressed.dataset.act](turn, at === undefined ? null : turn.answers[Number(at)], pressed);
}

function again(turn) {
  if (runningAnswers().length || !state.target?.models.length) return;
  ask(state.talk.turns[turn.parent]);
}

// A failed answer without a word leaves nothing behind; half an answer stays as a branch.
function retry(turn) {
  if (runningAnswers().length || !state.target?.models.length) return;
  const question = state.talk.turns[turn.parent];
  if (turn.answers.every((answer) => !answer.text)) removeTurn(state.talk, turn);
  ask(question);
}

function showCode(turn, answer) {
  const { target } = state;
  const isHere = answer.where === target?.url;
  const where = { url: answer.where, dialect: answer.dialect, isOwn: answer.where !== location.origin, key: isHere ? target.key : "" };
  viewCode(where, questionOf(state.talk, state.talk.turns[turn.parent], answer));
}

// The request that the message in the box would make.
export function showCodeOf(text, images) {
  const settings = readSettings();
  const last = shownPath(state.talk).at(-1);
  const before = last ? messagesTo(state.talk, last, settings.model) : [];
  const message = { role: "user", content: text || "Hello!", ...(images.length ? { images } : {}) };
  const target = state.target ?? state.demo;
  const sent = { model: settings.model, settings: sentSettings(settings.model, settings), where: target.url };
  viewCode(target, { model: sent.model, messages: fitted([...before, message], sent), settings: sent.settings });
}

function step(turn, by) {
  const beside = followersOf(state.talk, turn.parent);
  const next = beside[beside.indexOf(turn.id) + by];
  choose(state.talk, next);
  saveTalk(state.talk);
  showTalk();
  const acts = document.querySelector(`[data-turn="${next}"] .branches`);
  const wanted = acts.querySelector(`[data-act="${by < 0 ? "previous" : "next"}"]`);
  (wanted.disabled ? acts.querySelector("button:not(:disabled)") : wanted).focus();
}

function edit(turn) {
  if (runningAnswers().length) return;
  const article = document.querySelector(`[data-turn="${turn.id}"]`);
  const field = h("textarea", { class: "input", rows: "2", "aria-label": "Edit the message" });
  field.value = turn.text;
  const cancel = () => {
    showTalk();
    document.querySelector(`[data-turn="${turn.id}"] [data-act="edit"]`)?.focus();
  };
  const done = (event) => {
    event?.preventDefault();
    const text = field.value.trim();
    if (text || turn.images.length) ask(addTurn(state.talk, turn.parent, { role: "user", text, images: turn.images }));
  };
  const form = h(
    "form",
    { class: "edit", onsubmit: done },
    field,
    h("div", { class: "row-acts" }, button("Cancel", { onclick: cancel }), h("button", { class: "btn primary", type: "submit" }, "Send")),
  );
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    if (sends(event)) done(event);
  });
  article.replaceChildren(form);
  article.classList.add("editing");
  field.focus();
}

// Tokens of the context that the latest answer has used.
export function usedOfContext() {
  const answers = shownPath(state.talk).flatMap((turn) => turn.answers ?? []);
  const latest = answers.findLast((answer) => answer.figures.promptTokens !== undefined);
  if (!latest) return null;
  const used = latest.figures.promptTokens + latest.figures.tokens;
  const context = latest.where === state.target?.url ? modelNamed(latest.model)?.context : null;
  return { words: context ? `${grouped(used)} of ${grouped(context)} tokens` : `${grouped(used)} tokens`, share: context ? used / context : 0 };
}

export const shownTitle = () => titleOf(state.talk);
