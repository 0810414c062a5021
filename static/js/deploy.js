// Deploys a plan and follows it. What is on the chain is asked for each time,
// so that a reload, a lost connection or another tab goes on where it stands.
import { change, part, showTrouble } from "./deploy_api.js";
import { create, pendingFile } from "./deploy_create.js";
import { duration, stop as stopWatching, watch } from "./deploy_endpoint.js";
import { memory } from "./deploy_memory.js";
import { startManaging } from "./deploy_manage.js";
import { secrets } from "./secrets.js";

const EVERY = 3000;
const EVERY_WHEN_READY = 15_000;
// A lease without a status for this long: the file is sent to the provider again.
const RESEND_AFTER = 30_000;
const WAITING_STAGES = ["bidding", "choosing"];
const LATE_STAGES = ["leased", "starting"];
const ENDED = ["closed"];

const TITLE = document.title;
const root = document.getElementById("deploy");
const form = document.getElementById("deploy-form") ?? document.getElementById("key-form");
const keyInput = document.getElementById("console-key");
const state = { dseq: root.dataset.dseq, busy: false, firstBid: 0, sent: 0, automatic: true, wasRunning: false, restarts: 0, ready: false };

keyInput.value = memory.key;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  memory.key = keyInput.value.trim();
  if (state.dseq) begin();
  else deploy();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-accept]");
  if (button) accept(button.dataset.accept, button.dataset);
  if (event.target.closest("#choose-myself")) chooseMyself();
  if (event.target.closest("#open-playground")) {
    memory.openInPlayground(document.getElementById("endpoint-url").textContent, memory.record(state.dseq).key ?? "");
  }
});
document.getElementById("logs").addEventListener("toggle", readLogs);
startManaging(state, follow);
start();

function start() {
  if (state.dseq && memory.key) begin();
  else if (state.dseq) askForKey();
  else if (memory.pending?.here === root.dataset.here && memory.key) deploy();
}

function askForKey() {
  form.hidden = false;
  root.classList.add("known");
  const button = form.querySelector("[type=submit]");
  button.textContent = "Show it";
}

function say(words) {
  const place = document.getElementById("deploy-state");
  if (place && place.textContent !== words) place.textContent = words;
}

async function deploy() {
  if (state.busy) return;
  state.used = form.contains(document.activeElement);
  setBusy(true);
  showTrouble(null);
  try {
    const pending = await pendingFile(root.dataset, say);
    const told = pending && (await create(pending, say));
    if (told) created(pending, told);
  } finally {
    setBusy(false);
  }
}

function setBusy(is) {
  state.busy = is;
  for (const field of form.querySelectorAll("button, input")) field.disabled = is;
  const newKey = document.getElementById("new-key");
  if (newKey) newKey.disabled = is;
}

function created(pending, told) {
  memory.keep(told.dseq, { title: root.dataset.title, here: root.dataset.here, sdl: pending.sdl, manifest: told.manifest, key: pending.key, automatic: pending.automatic });
  memory.pending = null;
  say("");
  const address = new URL(location.href);
  address.searchParams.set("dseq", told.dseq);
  history.replaceState(history.state, "", address);
  state.dseq = told.dseq;
  document.getElementById("found").hidden = !told.was_there;
  begin();
}

// Following: what the Console says now decides what is shown and done.
async function begin() {
  const known = memory.record(state.dseq);
  const isUsed = state.used || form.contains(document.activeElement);
  state.used = false;
  state.automatic = known.automatic ?? false;
  form.hidden = true;
  root.classList.add("following");
  document.getElementById("journey").hidden = false;
  if (isUsed) goOnHere();
  const happens = document.getElementById("what-happens");
  if (happens) happens.hidden = true;
  if (known.key) secrets.use(known.key);
  follow();
}

// What was pressed goes away: the keyboard goes on at the heading of what comes.
function goOnHere() {
  document.getElementById("journey-title").focus({ preventScroll: true });
}

// One loop only: a newer turn ends an older one.
async function follow() {
  const turn = state.turn = (state.turn ?? 0) + 1;
  clearTimeout(state.timer);
  const result = await part(`/deployments/${state.dseq}/progress`, "#progress");
  if (turn !== state.turn) return;
  if (result.ok) await act(stands());
  else if (!result.passing) return askForKey();
  tellTitle();
  if (turn === state.turn && !state.ended) followLater();
}

function followLater() {
  clearTimeout(state.timer);
  state.timer = setTimeout(follow, state.ready ? EVERY_WHEN_READY : EVERY);
}

// Where it stands, as the server has just written it into the page.
function stands() {
  const told = document.getElementById("progress-state").dataset;
  tellTimes(told);
  return told;
}

// In the tab's name, for who looks at something else meanwhile.
function tellTitle() {
  const steps = document.querySelectorAll('.journey > li[data-state="now"] .title');
  const now = steps.length ? steps[steps.length - 1].firstChild.textContent.trim() : "";
  const word = state.ready ? "Ready" : now;
  document.title = word ? `${word} · ${TITLE}` : TITLE;
}

function tellTimes(told) {
  const began = told.waited ? Date.now() - Number(told.waited) * 1000 : Date.now();
  const times = { began, ...memory.record(state.dseq).times };
  let before = times.began;
  for (const step of document.querySelectorAll("#progress .journey > li")) {
    const name = step.id.slice("step-".length);
    step.querySelector(".took").textContent = "";
    if (step.dataset.state === "done" && name !== "created") {
      times[name] ??= Date.now();
      const passed = times[name] - before;
      if (passed >= 1000) step.querySelector(".took").textContent = duration(passed);
      before = times[name];
    }
  }
  memory.keep(state.dseq, { times });
  const waited = told.waited ? Number(told.waited) * 1000 : Date.now() - times.began;
  document.getElementById("elapsed").textContent = told.stage === "closed" || state.ready ? "" : `${duration(waited)} so far`;
}

async function act(told) {
  root.dataset.stage = told.stage;
  document.getElementById("manage").hidden = ENDED.includes(told.stage);
  document.getElementById("update-form").hidden = !["starting", "running"].includes(told.stage) || !memory.record(state.dseq).sdl;
  document.getElementById("deposit-form").hidden = !["leased", "starting", "running"].includes(told.stage);
  document.getElementById("logs").hidden = !["leased", "starting", "running"].includes(told.stage);
  countRestarts(told.stage);
  if (told.trouble) explain(told.stage);
  if (WAITING_STAGES.includes(told.stage)) await choose(told);
  else document.getElementById("auto-choice").hidden = true;
  if (told.stage === "leased") await resend(told);
  if (["starting", "running"].includes(told.stage) && told.uri) {
    watch(told.uri, memory.record(state.dseq).key ?? "", (seen) => changed(told.uri, seen));
  } else if (["lost", "closed"].includes(told.stage)) end(told.stage);
}

// What is known of a trouble is shown once, when it begins: who could host it
// now, or what the provider says. What a person then closes stays closed.
function explain(stage) {
  if (state.explained === stage) return;
  state.explained = stage;
  const screening = document.getElementById("screening");
  if (stage === "bidding" && screening) window.htmx.trigger(screening, "again");
  if (LATE_STAGES.includes(stage)) document.getElementById("logs").open = true;
}

function end(stage) {
  stopWatching();
  state.ready = false;
  document.getElementById("answer").hidden = true;
  document.getElementById("endpoint-steps").hidden = true;
  document.getElementById("endpoint-trouble").replaceChildren();
  state.ended = ENDED.includes(stage);
  const again = document.getElementById("again");
  if (again) again.hidden = !state.ended;
}

function countRestarts(stage) {
  if (stage === "running") state.wasRunning = true;
  if (stage === "starting" && state.wasRunning) {
    state.wasRunning = false;
    state.restarts += 1;
    document.getElementById("logs").open = true;
    readLogs();
  }
  if (!state.restarts) return;
  const times = state.restarts > 1 ? `${state.restarts} times` : "once";
  const place = document.querySelector("#step-container .sentence") ?? document.querySelector("#step-container .title");
  const words = ` The container has started anew ${times}.`;
  if (place && !place.textContent.includes(words)) place.append(words);
}

async function choose(told) {
  const box = document.getElementById("auto-choice");
  const count = Number(told.bids);
  box.hidden = !state.automatic || !count;
  if (box.hidden) return;
  state.firstBid ||= Date.now();
  const left = Number(root.dataset.settling) - (Date.now() - state.firstBid) / 1000;
  const words = document.getElementById("auto-words");
  if (!told.best) {
    words.textContent = "None of these providers is audited: choose one yourself, or wait for another bid.";
  } else if (left > 0) {
    words.textContent = `Takes ${told.bestName || "the cheapest audited one"} in ${Math.ceil(left)} s, unless a cheaper audited one bids.`;
  } else {
    words.textContent = `Taking ${told.bestName || "the cheapest audited one"}…`;
    await accept(told.best, told);
  }
}

function chooseMyself() {
  state.automatic = false;
  memory.keep(state.dseq, { automatic: false });
  document.getElementById("auto-choice").hidden = true;
  document.querySelector("#progress [data-accept]")?.focus();
}

async function accept(provider, bid) {
  if (state.accepting) return;
  state.accepting = true;
  const isUsed = document.activeElement?.matches("[data-accept]");
  for (const button of document.querySelectorAll("[data-accept]")) button.disabled = true;
  const result = await lease(provider, bid.gseq, bid.oseq);
  state.accepting = false;
  // What was refused is said, and the bids are looked at anew.
  showTrouble(result);
  if (result.ok) {
    if (isUsed) goOnHere();
    return void follow();
  }
  state.automatic = state.automatic && result.passing;
  followLater();
}

function lease(provider, gseq, oseq) {
  state.sent = Date.now();
  const manifest = memory.record(state.dseq).manifest ?? "";
  return change(`/deployments/${state.dseq}/lease`, { provider, gseq: Number(gseq), oseq: Number(oseq), manifest });
}

async function resend(told) {
  if (!memory.record(state.dseq).manifest) return;
  state.sent ||= Date.now();
  if (Date.now() - state.sent < RESEND_AFTER) return;
  await lease(told.leased, told.leaseGseq, told.leaseOseq);
}

function changed(uri, seen) {
  state.ready = seen.phase === "ready";
  tellTitle();
  showAnswer(uri, seen.phase);
  if (!state.ready) return;
  document.getElementById("elapsed").textContent = "";
  const times = memory.record(state.dseq).times ?? {};
  memory.keep(state.dseq, { times: { ...times, ready: times.ready ?? Date.now() } });
}

// The address and the code: below the steps while the model comes, and above them once it answers.
function showAnswer(uri, phase) {
  const answer = document.getElementById("answer");
  answer.hidden = phase === "failed";
  document.getElementById("answer-title").textContent = state.ready ? "Your endpoint answers" : "Your endpoint";
  document.getElementById("answer-wait").hidden = state.ready;
  document.getElementById("endpoint-url").textContent = uri;
  const endpoint = document.getElementById("endpoint");
  if (endpoint && endpoint.value !== uri) {
    endpoint.value = uri;
    endpoint.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const playground = document.getElementById("open-playground");
  if (playground) {
    playground.href = `/playground/#endpoint=${encodeURIComponent(uri)}`;
    playground.hidden = !state.ready;
  }
  placeAnswer(answer, document.getElementById("journey"));
}

// Of the two the one is moved that nobody uses: what is moved loses the keyboard.
function placeAnswer(answer, journey) {
  const [first, second] = state.ready ? [answer, journey] : [journey, answer];
  if (first.nextElementSibling === second) return;
  if (first.contains(document.activeElement)) first.after(second);
  else second.before(first);
}

async function readLogs() {
  const details = document.getElementById("logs");
  if (!details.open || state.reading) return;
  state.reading = true;
  await part(`/deployments/${state.dseq}/logs`, "#logs-place");
  state.reading = false;
}
