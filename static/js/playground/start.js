// The playground page. Each part minds its own elements; this wires them together.
import { byId } from "./dom.js";
import { onChat, showTalk, startChat } from "./chat.js";
import { startCodeView } from "./codeview.js";
import { notice, startComposer } from "./composer.js";
import { startDrawers } from "./drawers.js";
import { startOwn } from "./own.js";
import { currentModel, onSettings, showModels, showNoModels, startSettings, writeSettings } from "./settings.js";
import { loadTalks, state } from "./state.js";
import { startTalks } from "./talks.js";
import { demoTarget, refreshModels } from "./target.js";
import { Trouble } from "./trouble.js";

const FEW = 5;
const wanted = new URLSearchParams(location.search).get("model") ?? "";

await loadTalks();
state.demo = demoTarget();
startSettings();
startChat();
startComposer();
startCodeView();
startDrawers();
startTalks();
onSettings(showDeploy);
onChat(showWhere);
if (state.talk.settings) writeSettings(state.talk.settings);
const isOwn = startOwn(use, useDemo);
showTalk();
if (!isOwn) useDemo();

function use(target) {
  state.target = target;
  notice("");
  showModels(target, target.isOwn ? "" : wanted);
  showDeploy();
  showTalk();
  const isThere = target.models.some((model) => model.name === wanted);
  if (wanted && !target.isOwn && !isThere) notice(`${wanted.slice(0, 100)} is not offered here. You are talking to ${currentModel().name}.`);
}

async function useDemo() {
  state.target = null;
  showWhere();
  showNoModels("Loading…");
  try {
    await refreshModels(state.demo);
    if (state.target === null) use(state.demo);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (state.target) return;
    showNoModels("None at the moment");
    notice(`${error.message}${error.detail ? ` (${error.detail})` : ""}`, useDemo);
  }
}

// Whom one talks to; of the demo's limits, how much is left when it is not much.
function showWhere() {
  const { target } = state;
  const left = target?.limits?.remaining ?? Infinity;
  const few = left <= FEW ? `${left || "No"} ${left === 1 ? "message" : "messages"} left for now.` : byId("where").dataset.demo;
  byId("where").textContent = target?.isOwn ? `Your endpoint at ${new URL(target.url).host}.` : few;
}

function showDeploy() {
  const link = byId("deploy");
  const name = currentModel()?.name ?? "";
  byId("tiny-hint").hidden = name !== byId("play").dataset.undeployable || Boolean(state.target?.isOwn);
  const isAny = !name || name === byId("play").dataset.undeployable;
  link.hidden = Boolean(state.target?.isOwn);
  link.href = isAny ? "/" : `/playground/deploy?${new URLSearchParams({ model: name })}`;
  link.lastElementChild.textContent = isAny ? "Deploy a model of your own" : `Deploy ${name}`;
}
