// Requests to this site with the Console's key in a header, and what came of them.
import { memory } from "./deploy_memory.js";

const HEADER = "X-Console-Key";
const LOST = {
  title: "The connection is lost.",
  message: "What runs keeps running. This page goes on by itself when the connection is back.",
};

// A part of the page, put in its place by htmx; a failure's words go to #deploy-trouble.
// {ok, passing}: passing is true where asking again may help.
export async function part(path, selector) {
  const place = document.querySelector(selector);
  let raw = null;
  const keep = (event) => {
    if (event.detail.ctx.request.action === path) raw = event.detail.ctx.response?.raw ?? null;
  };
  document.addEventListener("htmx:after:request", keep);
  try {
    await window.htmx.ajax("GET", path, { source: place, target: place, swap: "innerMorph", headers: { [HEADER]: memory.key } });
  } catch {
    // Told by its own event; no answer is a passing failure.
  } finally {
    document.removeEventListener("htmx:after:request", keep);
  }
  const trouble = document.getElementById("deploy-trouble");
  if (!raw) sayLost();
  else if (!raw.ok) trouble.dataset.of = "look";
  // What became of a change is left to be read, until the next one.
  else if (trouble.dataset.of === "look") showTrouble(null);
  return { ok: raw?.ok ?? false, passing: isPassing(raw) };
}

// In the place of this page's troubles, and not a second time in a floating notice.
function sayLost() {
  document.getElementById("trouble").replaceChildren();
  showTrouble({ ok: false, json: LOST });
}

// A change, as JSON both ways: {ok, passing, json}.
export async function change(path, body) {
  const headers = { [HEADER]: memory.key, "Content-Type": "application/json" };
  try {
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    return { ok: answer.ok, passing: isPassing(answer), json: isJson ? await answer.json() : LOST };
  } catch {
    return { ok: false, passing: true, json: LOST };
  }
}

function isPassing(answer) {
  return !answer || answer.headers.has("X-Passing") || (answer.status >= 500 && !answer.headers.has("X-Told"));
}

export function showTrouble(result) {
  const place = document.getElementById("deploy-trouble");
  // The next look that succeeds shows what became of a change whose answer was lost.
  place.dataset.of = result?.json === LOST ? "look" : "change";
  if (!result || result.ok) {
    place.replaceChildren();
    return;
  }
  const told = result.json;
  const box = notice("stop", told.title, `${told.message} ${told.next_step ?? ""}`);
  if (told.link) box.querySelector("p:last-child").append(" ", link(told.link));
  place.replaceChildren(box);
}

function link(address) {
  const made = document.createElement("a");
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener";
  made.textContent = "Open Akash Console";
  return made;
}

export function notice(kind, title, text) {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  const inner = document.createElement("div");
  inner.append(paragraph("strong", title), paragraph("", text));
  box.append(inner);
  return box;
}

function paragraph(kind, text) {
  const made = document.createElement("p");
  made.className = kind;
  made.textContent = text;
  return made;
}
