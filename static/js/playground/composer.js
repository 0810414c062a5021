// The box below: text, images by file, paste and drop, sending and stopping.
import { byId, h, sends } from "./dom.js";
import { isShortened, onChat, runningAnswers, send, showCodeOf, stop, usedOfContext } from "./chat.js";
import { grouped } from "./figures.js";
import { UnreadableImage, imagesOf, smaller } from "./images.js";
import { currentModel, onSettings } from "./settings.js";
import { state } from "./state.js";
import { can } from "./target.js";

const isTouch = matchMedia("(pointer: coarse)");
let images = [];

export function startComposer() {
  const prompt = byId("prompt");
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  prompt.addEventListener("input", refresh);
  prompt.addEventListener("keydown", (event) => {
    if (!sends(event)) return;
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", (event) => {
    const isElsewhere = event.defaultPrevented || document.querySelector("dialog[open]") || event.target.closest?.(".edit, .settings, .talks, details[open]");
    if (event.key === "Escape" && !isElsewhere && runningAnswers().length) halt();
  });
  byId("stop").addEventListener("click", halt);
  byId("starters").addEventListener("click", (event) => {
    const starter = event.target.closest(".starter");
    if (!starter || !isReady()) return;
    prompt.value = starter.textContent;
    submit();
  });
  byId("code-now").addEventListener("click", () => showCodeOf(prompt.value.trim(), images));
  takeImages(prompt);
  onChat(refresh);
  onSettings(refresh);
}

function takeImages(prompt) {
  const file = byId("file");
  byId("attach").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    add([...file.files]);
    file.value = "";
  });
  prompt.addEventListener("paste", (event) => {
    const found = imagesOf(event.clipboardData);
    if (!found.length) return;
    event.preventDefault();
    add(found);
  });
  const chat = byId("chat");
  const mark = (isOver) => byId("box").classList.toggle("drop", isOver);
  chat.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.items].some((item) => item.kind === "file")) return;
    event.preventDefault();
    mark(true);
  });
  chat.addEventListener("dragleave", (event) => {
    if (!chat.contains(event.relatedTarget)) mark(false);
  });
  chat.addEventListener("drop", (event) => {
    mark(false);
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    const found = imagesOf(event.dataTransfer);
    if (found.length) add(found);
    else notice("Only images can be dropped here.");
  });
}

async function add(files) {
  const { mostImages, imageBytes } = byId("play").dataset;
  if (!can(currentModel(), "vision")) return notice(`${currentModel()?.name ?? "This model"} reads text only. Choose a model with vision to send images.`);
  const room = Number(mostImages) - images.length;
  if (files.length > room) notice(`A message takes ${mostImages} images; the first ones are kept.`);
  else notice("");
  for (const file of files.slice(0, Math.max(0, room))) {
    try {
      images.push(await smaller(file, Number(imageBytes)));
    } catch (error) {
      if (!(error instanceof UnreadableImage)) throw error;
      notice(`${file.name.slice(0, 60)} is no image that this browser can read. Try a JPEG or PNG.`);
    }
  }
  showImages();
  byId("prompt").focus();
}

function showImages() {
  const items = images.map((url, at) => {
    const drop = h("button", { type: "button", class: "thumb-drop", "aria-label": `Leave image ${at + 1} out` }, "×");
    drop.addEventListener("click", () => {
      images.splice(at, 1);
      showImages();
      byId("prompt").focus();
    });
    return h("li", {}, h("img", { src: url, alt: `Image ${at + 1}` }), drop);
  });
  byId("thumbs").replaceChildren(...items);
  byId("thumbs").hidden = !items.length;
  refresh();
}

export function notice(words, retry = null) {
  const place = byId("notice");
  place.hidden = !words;
  place.className = `notice composer-notice ${retry ? "stop" : "warn"}`;
  place.replaceChildren(h("div", {}, words));
  if (retry) place.append(h("button", { type: "button", class: "btn quiet retry", onclick: retry }, "Retry"));
}

const isReady = () => Boolean(state.target?.models.length) && !runningAnswers().length;

function submit() {
  const prompt = byId("prompt");
  const text = prompt.value.trim();
  if (!isReady() || (!text && !images.length)) return;
  const most = state.target.isOwn ? Infinity : Number(byId("play").dataset.mostCharacters);
  if (text.length > most) return notice(`That is ${grouped(text.length)} characters; the demo takes ${grouped(most)}. Shorten it, or use your own endpoint.`);
  notice("");
  const sent = images;
  prompt.value = "";
  images = [];
  showImages();
  send(text, sent);
  if (isShortened()) notice(`The demo takes ${grouped(most)} characters at once: it is not told the first messages of this conversation any more.`);
  if (isTouch.matches) prompt.blur();
  else prompt.focus();
}

function halt() {
  stop();
  if (!isTouch.matches) byId("prompt").focus();
}

function refresh() {
  const isBusy = runningAnswers().length > 0;
  if (!isBusy && document.activeElement === byId("stop")) byId("prompt").focus();
  byId("stop").hidden = !isBusy;
  byId("send").hidden = isBusy;
  byId("send").disabled = !isReady() || !(byId("prompt").value.trim() || images.length);
  byId("attach").hidden = !can(currentModel(), "vision");
  byId("prompt").placeholder = can(currentModel(), "vision") ? "Ask something, or drop an image" : "Ask something";
  showMeter();
}

function showMeter() {
  const used = usedOfContext();
  const meter = byId("meter");
  meter.textContent = used?.words ?? "";
  meter.classList.toggle("full", (used?.share ?? 0) > 0.9);
  meter.title = used?.share > 0.9 ? "Nearly full: the oldest messages will be left out." : "Tokens of the model's context that this conversation uses";
}
