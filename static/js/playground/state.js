// What the page's parts share.
import { openStore, readJson, writeJson } from "./store.js";
import { newTalk, unfinished } from "./talk.js";

const CURRENT = "oneclickllm.playground.current";
const UNSAVED = "oneclickllm.playground.unsaved";
const SAVING_MS = 1000;
const late = new Map();

export const state = { store: null, talks: new Map(), talk: null, demo: null, target: null };

export async function loadTalks() {
  state.store = await openStore();
  const kept = await state.store.all().catch(() => []);
  const unsaved = readJson("localStorage", UNSAVED) ?? {};
  for (const talk of kept) {
    state.talks.set(talk.id, talk);
    const longer = unfinished(talk).filter(({ id, text }) => unsaved[id]?.text.length >= text.length);
    for (const answer of longer) Object.assign(answer, unsaved[answer.id]);
    for (const answer of unfinished(talk)) answer.state = "stopped";
    if (longer.length) await state.store.put(talk).catch(() => {});
  }
  writeJson("localStorage", UNSAVED, null);
  addEventListener("pagehide", keepUnsaved);
  state.talk = state.talks.get(readJson("sessionStorage", CURRENT)) ?? newTalk();
}

// A page that goes has no time for IndexedDB: what its last save lacks waits for the next page.
function keepUnsaved() {
  const told = [...state.talks.values()].flatMap(unfinished).map(({ id, text, thinking }) => [id, { text, thinking }]);
  if (told.length) writeJson("localStorage", UNSAVED, { ...readJson("localStorage", UNSAVED), ...Object.fromEntries(told) });
}

export function open(talk) {
  state.talk = talk;
  writeJson("sessionStorage", CURRENT, talk.id);
}

// Conversations with the latest first.
export const talksByAge = () => [...state.talks.values()].sort((one, other) => other.updated - one.updated);

export async function saveTalk(talk) {
  clearTimeout(late.get(talk.id));
  late.delete(talk.id);
  talk.updated = Date.now();
  state.talks.set(talk.id, talk);
  if (talk === state.talk) open(talk);
  try {
    await state.store.put(talk);
  } catch {
    state.store.isKept = false;
  }
}

// While an answer is being written: kept now and then, so that a closed page loses little.
export function saveSoon(talk) {
  if (late.has(talk.id)) return;
  late.set(talk.id, setTimeout(() => {
    if (state.talks.has(talk.id)) saveTalk(talk);
  }, SAVING_MS));
}

// What another tab has changed since; answers whether the shown conversation is another one now.
export async function catchUp() {
  const kept = await state.store.all().catch(() => []);
  if (!state.store.isKept || late.size) return false;
  const ids = new Set(kept.map((talk) => talk.id));
  for (const id of state.talks.keys()) if (!ids.has(id)) state.talks.delete(id);
  const newer = kept.filter((talk) => !(state.talks.get(talk.id)?.updated >= talk.updated));
  for (const talk of newer) state.talks.set(talk.id, talk);
  const shown = newer.find((talk) => talk.id === state.talk.id);
  if (shown) state.talk = shown;
  return Boolean(shown);
}

export async function forget(talk) {
  clearTimeout(late.get(talk.id));
  late.delete(talk.id);
  state.talks.delete(talk.id);
  await state.store.remove(talk.id).catch(() => {});
}
