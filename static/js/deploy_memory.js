// What one tab remembers: the Console's key, and what it has deployed. Session
// storage ends with the tab and is read by no other.
const KEY = "oneclickllm.console-key";
const PENDING = "oneclickllm.deploying";
const RECORD = "oneclickllm.deployment.";
// Where the playground looks for an endpoint of the person's own.
const PLAYGROUND = "oneclickllm.playground.endpoint";

// Where storage is switched off, what is remembered lives as long as the page.
const fallback = new Map();

function read(name) {
  try {
    return sessionStorage.getItem(name) ?? fallback.get(name) ?? "";
  } catch {
    return fallback.get(name) ?? "";
  }
}

function write(name, text) {
  fallback.set(name, text);
  try {
    if (text) sessionStorage.setItem(name, text);
    else sessionStorage.removeItem(name);
  } catch {
    // The map has it.
  }
}

function readJson(name) {
  try {
    return JSON.parse(read(name) || "null");
  } catch {
    return null;
  }
}

export const memory = {
  get key() { return read(KEY); },
  set key(text) { write(KEY, text); },
  // A file that is on its way: written before it is sent, so that a reload
  // sends the very same one, which the site then finds instead of paying twice.
  get pending() { return readJson(PENDING); },
  set pending(value) { write(PENDING, value ? JSON.stringify(value) : ""); },
  // Only when it is asked for: the playground then talks to this endpoint in this tab.
  openInPlayground(url, key) { write(PLAYGROUND, JSON.stringify({ url, key })); },
  record(dseq) { return readJson(RECORD + dseq) ?? {}; },
  keep(dseq, changes) {
    write(RECORD + dseq, JSON.stringify({ ...this.record(dseq), ...changes }));
  },
};
