// What the page's parts share.
import { openStore, readJson, writeJson } from "./store.js";
import { closeUnfinished, newTalk } from "./talk.js";

const CURRENT = "oneclickllm.playground.current";
const SAVING_MS = 1000;
const late = new Map();

export const state = { store: null, talks: new Map(), talk: null, demo: null, target: null };

export async function loadTalks() {
  state.store = await openStore();
  const kept = await state.store.all().catch(() => []);
  for (const talk of kept) state.talks.set(talk.id, closeUnfinished(talk));
  state.talk = state.talks.get(readJson("sessionStorage", CURRENT)) ?? newTalk();
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
