// The API key is made here. It stays in this tab's session storage, and only
// its SHA-256 is ever sent. A Hugging Face token stays in its input.
import { onEachPage } from "./swaps.js";

const STORED = "oneclickllm.key";
const KEY_PLACEHOLDER = "PASTE-YOUR-API-KEY-HERE";
const HASH_PLACEHOLDER = "PASTE-THE-SHA256-OF-YOUR-API-KEY-HERE";
const TOKEN_PLACEHOLDER = "PASTE-YOUR-HUGGING-FACE-TOKEN-HERE";
const TOKEN_FORM = /^hf_[A-Za-z0-9]{8,200}$/;
const ADDRESS_FORM = /^https?:\/\/[A-Za-z0-9.:[\]-]+\/?$/;
const originals = new WeakMap();

let key = "";
let hash = "";
let loading = null;

export const secrets = {
  get hash() { return hash; },
  get key() { return key; },
  // Show and fill in another key, that of an endpoint which runs already.
  async use(made) {
    if (made === key || !globalThis.crypto?.subtle) return;
    await take(made);
    show();
  },
  // A file with placeholders, as it is to be kept.
  fill(text) {
    const token = tokenTyped();
    return text
      .replaceAll(HASH_PLACEHOLDER, hash || HASH_PLACEHOLDER)
      .replaceAll(KEY_PLACEHOLDER, key || KEY_PLACEHOLDER)
      .replaceAll(TOKEN_PLACEHOLDER, token || TOKEN_PLACEHOLDER);
  },
};

export function startSecrets() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("#new-key")) makeKey();
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("#hf-token, #endpoint")) refill();
  });
  onEachPage(prepare);
}

async function prepare() {
  if (!document.getElementById("api-key")) return;
  await keyReady();
  show();
}

// Resolves when the key is made, or cannot be.
export async function keyReady() {
  if (!key) await (loading ??= loadKey());
}

async function loadKey() {
  if (!globalThis.crypto?.subtle) return;
  const kept = readStored();
  if (kept) await take(kept);
  else await makeKey();
}

async function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const text = btoa(String.fromCharCode(...bytes));
  await take("ocl_" + text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""));
  try {
    sessionStorage.setItem(STORED, key);
  } catch {
    // Storage is switched off: the key lives as long as the page.
  }
  show();
}

function readStored() {
  try {
    const kept = sessionStorage.getItem(STORED) ?? "";
    return /^ocl_[A-Za-z0-9_-]{40,}$/.test(kept) ? kept : "";
  } catch {
    return "";
  }
}

async function take(made) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(made));
  key = made;
  hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function show() {
  const place = document.getElementById("api-key");
  const hint = document.getElementById("key-hint");
  if (!place) return;
  for (const id of ["copy-key", "new-key"]) document.getElementById(id).hidden = !key;
  place.textContent = key || "made by the server, on top of the file";
  hint.textContent = key
    ? "Made in this browser, kept until you close the tab, never sent. Store it now."
    : "This connection is not secure (https), so the browser cannot make a key. The server makes one for each download and keeps it nowhere.";
  refill();
}

function tokenTyped() {
  const typed = document.getElementById("hf-token")?.value.trim() ?? "";
  return TOKEN_FORM.test(typed) ? typed : "";
}

function endpointTyped() {
  const typed = document.getElementById("endpoint")?.value.trim() ?? "";
  return ADDRESS_FORM.test(typed) ? typed.replace(/\/$/, "") : "";
}

// Walk text nodes only: what is filled in is text, and colours stay.
function refill() {
  for (const place of document.querySelectorAll("[data-fill]")) {
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) fillNode(walker.currentNode);
  }
}

function fillNode(node) {
  const known = originals.get(node);
  const original = known && known.filled === node.data ? known.original : node.data;
  const endpoint = endpointTyped();
  let filled = secrets.fill(original);
  if (endpoint) filled = filled.replaceAll("https://YOUR-ENDPOINT", endpoint);
  if (key) filled = filled.replaceAll("YOUR-API-KEY", (match, at) =>
    filled.startsWith("PASTE-", at - 6) ? match : key);
  if (filled !== node.data) node.data = filled;
  originals.set(node, { original, filled });
  node.parentElement.classList.toggle("y-secret", filled.includes("PASTE-"));
}
