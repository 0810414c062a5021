// Watches the endpoint itself, from this browser: our runtime tells how far the
// download is, the others at least whether they answer.
import { notice } from "./deploy_api.js";

const EVERY = 3000;
const PATIENCE = 8000;
// A download or a load that has not moved for this long will hardly do so.
const STALLED = 600_000;
const STEPS = ["download", "load", "ready"];
const AT = { starting: 0, pulling: 0, loading: 1, ready: 2, failed: 0, silent: 0 };

let watched = "";
let timer = 0;
let moved = { mark: "", at: 0 };
let took = {};

export function watch(uri, key, onChange) {
  if (watched === uri) return;
  stop();
  watched = uri;
  took = { began: Date.now() };
  moved = { mark: "", at: Date.now() };
  document.getElementById("endpoint-steps").hidden = false;
  look(uri, key, onChange, "");
}

export function stop() {
  watched = "";
  clearTimeout(timer);
}

async function look(uri, key, onChange, before) {
  const told = await asked(uri, key);
  if (watched !== uri) return;
  show(told);
  sayIfStalled(told);
  if (told.phase !== before) onChange(told);
  timer = setTimeout(look, told.phase === "ready" ? EVERY * 5 : EVERY, uri, key, onChange, told.phase);
}

async function asked(uri, key) {
  const status = await fetched(`${uri}/status`);
  if (status?.ok && status.json?.phase) return runtime(status.json);
  const models = await fetched(`${uri}/v1/models`, key ? { Authorization: `Bearer ${key}` } : {});
  if (models?.ok) return { phase: "ready", sentence: "It answers." };
  if (models?.status === 401 || models?.status === 403) {
    return key
      ? { phase: "failed", sentence: "It answers, but not to this tab's key: another key was deployed." }
      : { phase: "ready", sentence: "It answers. This tab does not have its key." };
  }
  if (models || status) {
    return { phase: "starting", sentence: "The container answers; the weights are being downloaded or loaded." };
  }
  return { phase: "silent", sentence: "Its address does not answer yet." };
}

async function fetched(address, headers = {}) {
  try {
    const answer = await fetch(address, {
      headers, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(PATIENCE),
    });
    const isJson = answer.headers.get("Content-Type")?.includes("json");
    return { ok: answer.ok, status: answer.status, json: isJson ? await answer.json() : null };
  } catch {
    return null;
  }
}

function runtime(json) {
  const phase = Object.hasOwn(AT, json.phase) ? json.phase : "starting";
  const progress = json.models?.find((model) => model.progress)?.progress;
  const error = json.models?.find((model) => model.error)?.error;
  const said = String(error ?? json.message ?? "");
  if (phase === "pulling" && progress) return { phase, sentence: figures(progress), fraction: Number(progress.fraction) };
  return { phase, sentence: said, isHere: json.models?.every((model) => model.downloaded) };
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; bytes >= 1000 && at < units.length - 1; at += 1) bytes /= 1000;
  return `${bytes.toFixed(at ? 1 : 0)} ${units[at]}`;
}

function figures(progress) {
  const left = progress.seconds_left;
  const words = [`${size(progress.done)} of ${size(progress.size)}`];
  if (progress.bytes_per_second) words.push(`${size(progress.bytes_per_second)}/s`);
  if (left) words.push(`${duration(left * 1000)} left`);
  return words.join(" · ");
}

export function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function show(told) {
  const at = told.phase === "failed" && told.isHere ? AT.loading : AT[told.phase];
  STEPS.forEach((name, index) => {
    const step = document.getElementById(`step-${name}`);
    const isDone = index < at || told.phase === "ready";
    step.dataset.state = isDone ? "done" : index > at ? "waiting" : told.phase === "failed" ? "failed" : "now";
    step.querySelector(".sentence").textContent = index === at ? told.sentence : "";
    if (isDone) tellTook(step, name, index);
  });
  const bar = document.querySelector("#step-download progress");
  bar.hidden = !(told.phase === "pulling" && told.fraction !== undefined);
  if (!bar.hidden) bar.value = told.fraction;
}

function tellTook(step, name, index) {
  took[name] ??= Date.now();
  const since = took[STEPS[index - 1]] ?? took.began;
  const passed = took[name] - since;
  step.querySelector(".took").textContent = passed >= 1000 ? duration(passed) : "";
}

function sayIfStalled(told) {
  const mark = `${told.phase} ${told.fraction ?? ""}`;
  if (mark !== moved.mark) moved = { mark, at: Date.now() };
  const place = document.getElementById("endpoint-trouble");
  const isStalled = told.phase !== "ready" && Date.now() - moved.at > STALLED;
  const isFailed = told.phase === "failed";
  if (!isStalled && !isFailed) {
    place.replaceChildren();
    return;
  }
  if (place.dataset.mark === mark && place.firstChild) return;
  place.dataset.mark = mark;
  place.replaceChildren(isFailed
    ? notice("stop", "The endpoint says that it cannot start.", `${told.sentence} Close this deployment, change what it names, and deploy again.`)
    : notice("warn", "Nothing has moved for ten minutes.", "See what the provider says below. If that is of no help, close this deployment and take another provider: a slow or broken one does not mend itself."));
  document.getElementById("logs").open = true;
}
