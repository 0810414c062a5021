// Turns of a conversation as elements. What they do is in data-act, minded in chat.js.
import { button, h } from "./dom.js";
import { grouped, seconds, speed, ticking } from "./figures.js";
import { Markdown } from "./markdown.js";
import { runOf } from "./run.js";
import { followersOf } from "./talk.js";

const SHORTEST_THOUGHT = 0.1;
const PHASES = { reading: "Reading the prompt", thinking: "Thinking", writing: "Writing" };

export function turnView(talk, turn, before) {
  return turn.role === "user" ? userView(talk, turn) : assistantView(talk, turn, before);
}

function userView(talk, turn) {
  const images = turn.images.map((url, at) => h("img", { src: url, alt: `Image ${at + 1}` }));
  const bubble = h(
    "div",
    { class: "bubble" },
    images.length ? h("div", { class: "pictures" }, ...images) : null,
    turn.text ? h("p", { class: "said" }, turn.text) : null,
  );
  const acts = [button("Copy", { "data-act": "copy", hidden: !turn.text }, "copy"), button("Edit", { "data-act": "edit" }, "pencil")];
  const meta = h("div", { class: "meta" }, branches(talk, turn), ...acts);
  const element = h("article", { class: "turn user", "data-turn": turn.id, "aria-label": "You" }, bubble, meta);
  return { element, answers: [] };
}

function assistantView(talk, turn, before) {
  const isPair = turn.answers.length > 1;
  const views = turn.answers.map((answer, at) => new AnswerView(answer, at, { isPair, isNamed: isPair || answer.model !== before }));
  const list = h("div", { class: isPair ? "answers pair" : "answers" }, ...views.map((view) => view.element));
  const label = `Answer of ${turn.answers.map((answer) => answer.model).join(" and ")}`;
  const element = h("article", { class: "turn assistant", "data-turn": turn.id, "aria-label": label }, list);
  views.at(-1).actions.prepend(branches(talk, turn) ?? "");
  return { element, answers: views };
}

// ‹ 2 of 3 › where a message was edited or an answer asked for again.
function branches(talk, turn) {
  const beside = followersOf(talk, turn.parent);
  if (beside.length < 2) return null;
  const at = beside.indexOf(turn.id);
  const step = (act, words, picture, isLast) => button("", { "data-act": act, "aria-label": words, title: words, class: "step", disabled: isLast }, picture);
  return h(
    "span",
    { class: "branches", role: "group", "aria-label": "Branches" },
    step("previous", "Previous branch", "chevron-left", at === 0),
    h("span", { class: "num" }, `${at + 1} of ${beside.length}`),
    step("next", "Next branch", "chevron-right", at === beside.length - 1),
  );
}

export class AnswerView {
  constructor(answer, at, { isPair, isNamed }) {
    this.answer = answer;
    this.text = h("div", { class: "said md" });
    this.markdown = new Markdown(this.text);
    this.thought = h("details", { class: "thinking", hidden: true }, h("summary", {}, "Thoughts"), h("div", { class: "thoughts" }));
    this.trouble = h("div", { class: "notice stop answer-trouble", hidden: true });
    this.status = h("span", { class: "status num" });
    this.actions = h("span", { class: "actions" });
    const name = isNamed ? h("p", { class: "answer-name" }, answer.model) : null;
    const meta = h("div", { class: "meta" }, this.status, this.actions);
    const group = isPair ? { role: "group", "aria-label": answer.model } : {};
    this.element = h("div", { class: "answer", "data-answer": at, ...group }, name, this.thought, this.text, this.trouble, meta);
    this.update();
  }

  update() {
    const { answer, element } = this;
    const run = runOf(answer);
    this.markdown.show(shownText(answer));
    this.showThoughts(run);
    element.classList.toggle("running", Boolean(run));
    element.classList.toggle("waiting", Boolean(run) && !answer.text);
    element.setAttribute("aria-busy", String(Boolean(run)));
    if (!run) this.finish();
    this.tick();
  }

  showThoughts(run) {
    const { thinking, figures } = this.answer;
    this.thought.hidden = !thinking;
    if (!thinking) return;
    const lasted = figures.phases.thinking;
    this.thought.firstElementChild.textContent = run?.phase === "thinking" ? "Thinking…" : lasted >= SHORTEST_THOUGHT ? `Thought for ${seconds(lasted)}` : "Thoughts";
    this.thought.lastElementChild.textContent = thinking;
  }

  // Once, when there is nothing more to come.
  finish() {
    if (this.isFinished) return;
    this.isFinished = true;
    const { answer } = this;
    const hasFailed = answer.state === "failed";
    this.actions.append(
      button("Copy", { "data-act": "copy", hidden: !answer.text }, "copy"),
      button("Again", { "data-act": "again", hidden: hasFailed }, "refresh-cw"),
      button("View code", { "data-act": "code" }, "code"),
    );
    if (hasFailed) this.showTrouble();
  }

  showTrouble() {
    const { words, detail } = this.answer.trouble;
    this.retry = button("Retry", { "data-act": "retry", class: "retry" }, "refresh-cw");
    const told = h("div", {}, h("p", {}, words), detail ? h("p", { class: "small detail" }, detail) : null);
    this.trouble.replaceChildren(told, this.retry);
    this.trouble.hidden = false;
  }

  // The times, many times a second while it runs. Answers whether it wants to go on.
  tick() {
    const run = runOf(this.answer);
    if (run) this.showPhase(run);
    else if (this.retry) return this.countDown();
    else this.showFigures();
    return Boolean(run);
  }

  showPhase(run) {
    const words = run.phase === "queued" ? `Queued, place ${run.place}` : PHASES[run.phase];
    const parts = [h("span", { class: "phase" }, `${words} · ${ticking(run.inPhase)}`)];
    if (run.perSecond) parts.push(h("span", {}, speed(run.perSecond)));
    this.status.replaceChildren(...parts);
  }

  countDown() {
    const left = Math.ceil((this.answer.trouble.until - Date.now()) / 1000);
    this.retry.disabled = left > 0;
    this.retry.lastChild.textContent = left > 0 ? `Retry in ${left} s` : "Retry";
    this.showFigures();
    return left > 0;
  }

  showFigures() {
    const { figures, state } = this.answer;
    const parts = [];
    if (state === "stopped") parts.push("Stopped");
    if (figures.first !== undefined) parts.push(`${seconds(figures.first)} to first word`);
    if (figures.perSecond) parts.push(speed(figures.perSecond));
    if (figures.tokens) parts.push(`${grouped(figures.tokens)} ${figures.tokens === 1 ? "token" : "tokens"}`);
    if (figures.reason === "length") parts.push("cut at the length you chose");
    this.status.replaceChildren(...parts.map((part) => h("span", {}, part)));
    this.status.title = phasesInWords(figures);
  }
}

// An answer in JSON is shown as the code it is.
function shownText({ text, settings }) {
  return settings.json && /^\s*[[{]/.test(text) ? `\`\`\`json\n${text}\n\`\`\`` : text;
}

function phasesInWords({ phases, promptTokens, total }) {
  const words = { queued: "queued", reading: promptTokens ? `reading ${grouped(promptTokens)} tokens` : "reading", thinking: "thinking", writing: "writing" };
  const parts = Object.entries(words).filter(([phase]) => phases[phase] !== undefined).map(([phase, name]) => `${name} ${seconds(phases[phase])}`);
  return total === undefined ? "" : `${parts.join(", ")}; ${seconds(total)} in all`;
}
