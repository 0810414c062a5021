// One answer being written: its phases, its times, and a picture of them for each frame.
import { Trouble } from "./trouble.js";
import { bodyFor } from "./request.js";
import { ask } from "./wire.js";

const runs = new Map();

export const runOf = (answer) => runs.get(answer.id);
export const isRunning = (answer) => runs.has(answer.id);

// `changed` is called at most once a frame, and at the end with `true`.
export class Run {
  constructor(answer, target, question, changed) {
    Object.assign(this, { answer, target, question, changed });
    this.controller = new AbortController();
    this.began = performance.now();
    this.phase = "reading";
    this.phaseBegan = this.began;
    this.place = 0;
    this.pieces = 0;
    this.firstAt = null;
    this.frame = 0;
    runs.set(answer.id, this);
  }

  stop() {
    this.controller.abort();
  }

  // How long the present phase has lasted, in seconds.
  get inPhase() {
    return (performance.now() - this.phaseBegan) / 1000;
  }

  get perSecond() {
    const lasted = (performance.now() - this.firstAt) / 1000;
    return this.firstAt !== null && lasted > 0.3 ? this.pieces / lasted : 0;
  }

  async go() {
    try {
      await this.read();
      this.answer.state = "done";
    } catch (error) {
      this.fail(error);
    }
    this.close();
    runs.delete(this.answer.id);
    cancelAnimationFrame(this.frame);
    this.changed(true);
  }

  async read() {
    const body = bodyFor(this.target.dialect, this.question);
    for await (const event of ask(this.target, body, this.controller.signal)) {
      if ("queue" in event) this.queued(event.queue);
      else if (event.end) this.end(event.end);
      else this.take(event);
      this.plan();
    }
  }

  take({ thinking = "", text = "" }) {
    this.firstAt ??= performance.now();
    this.pieces += 1;
    this.enter(text ? "writing" : "thinking");
    this.answer.thinking += thinking;
    this.answer.text += text;
  }

  queued(place) {
    this.place = place;
    if (place) this.enter("queued");
    else if (this.phase === "queued") this.enter("reading");
  }

  enter(phase) {
    if (this.phase === phase) return;
    const lasted = this.inPhase;
    this.answer.figures.phases[this.phase] = (this.answer.figures.phases[this.phase] ?? 0) + lasted;
    this.phase = phase;
    this.phaseBegan = performance.now();
  }

  end({ tokens, promptTokens, seconds, promptSeconds, reason }) {
    Object.assign(this.answer.figures, { promptTokens, promptSeconds, reason });
    if (tokens !== undefined) this.answer.figures.tokens = tokens;
    if (tokens && seconds) this.answer.figures.perSecond = tokens / seconds;
  }

  fail(error) {
    const { answer } = this;
    answer.state = this.controller.signal.aborted ? "stopped" : "failed";
    if (answer.state === "stopped") return;
    const trouble = error instanceof Trouble ? error : new Trouble("Something went wrong in this page.", { detail: String(error) });
    answer.trouble = { words: trouble.message, detail: trouble.detail, until: trouble.wait === null ? 0 : Date.now() + trouble.wait * 1000 };
  }

  // What is known when the answer ends, however it ends.
  close() {
    const { figures } = this.answer;
    const now = performance.now();
    figures.phases[this.phase] = (figures.phases[this.phase] ?? 0) + this.inPhase;
    figures.total = (now - this.began) / 1000;
    if (this.firstAt !== null) figures.first = (this.firstAt - this.began) / 1000;
    figures.tokens ??= this.pieces;
    figures.perSecond ??= this.perSecond;
  }

  plan() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.changed(false);
    });
  }
}
