// Keeps the page true while the model comes, and tells more to whoever has the key.
const seconds = 3;
const phase = document.body.dataset.phase;
const inside = document.querySelector(".inside");

async function status(key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch("/status", { headers, cache: "no-store" });
  return answer.json();
}

async function follow() {
  try {
    const told = await status("");
    if (told.phase !== phase) return location.reload();
    document.querySelector(".message").textContent = told.message;
    document.querySelectorAll(".model").forEach((section, index) => {
      const progress = told.models[index]?.progress;
      const bar = section.querySelector("progress");
      if (!progress) return;
      if (!bar) return location.reload();
      bar.value = progress.fraction;
      section.querySelector(".figures").textContent = figures(progress);
    });
  } catch {
    document.querySelector(".message").textContent = "The endpoint does not answer just now.";
  }
  setTimeout(follow, seconds * 1000);
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  for (; bytes >= 1000 && at < units.length - 1; at += 1) bytes /= 1000;
  return `${bytes.toFixed(at ? 1 : 0)} ${units[at]}`;
}

function figures(progress) {
  const left = progress.seconds_left;
  const time = left === null ? "time left unknown" : left < 90 ? `${Math.round(left)} s left` : `${Math.round(left / 60)} min left`;
  return `${progress.stage} · ${size(progress.done)} of ${size(progress.size)} · ${size(progress.bytes_per_second)}/s · ${time}`;
}

// A key that the endpoint has taken goes along with what is copied, and is not shown.
let known = "";

document.querySelectorAll("pre code").forEach((code) => {
  code.textContent = code.textContent.replaceAll("ENDPOINT", location.origin);
  const button = element("button", "Copy");
  button.className = "copy";
  button.addEventListener("click", () => copy(code, button));
  code.parentElement.previousElementSibling.append(button);
});
document.querySelector(".meant")?.remove();

async function copy(code, button) {
  const text = known ? code.textContent.replace(/\$KEY|(?<=")KEY(?=")/g, () => known) : code.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = known ? "Copied, with the key" : "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Press Ctrl+C";
  }
}

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function facts(pairs) {
  const list = element("dl", "");
  for (const [name, value] of pairs) {
    list.append(element("div", "", element("dt", name), element("dd", String(value))));
  }
  return list;
}

function time(total) {
  const days = Math.floor(total / 86400);
  const hours = Math.floor(total / 3600) % 24;
  const minutes = Math.floor(total / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min` : `${total} s`;
}

function speed({ read, written }) {
  const told = (number) => number.toLocaleString("en", { maximumFractionDigits: number < 100 ? 1 : 0 });
  return written ? `${told(written)} tokens/s written, ${told(read)} read` : "nothing answered yet";
}

function engine(told) {
  const lines = element("details", "", element("summary", "Last lines of llama.cpp"));
  lines.append(element("pre", told.last_lines.join("\n") || "None."));
  lines.open = document.querySelector(".inside details")?.open ?? false;
  return [
    element("h3", told.model),
    facts([
      ["State", told.state],
      ["Slots", `${told.running} of ${told.slots} busy, ${told.queued} waiting`],
      ["Speed", speed(told.tokens_per_second)],
      ["Context", `${told.context_length.toLocaleString("en")} tokens a request`],
      ["Loaded in", `${told.load_seconds} s`],
    ]),
    lines,
  ];
}

function show(told) {
  const general = facts([
    ["Version", told.version],
    ["Running for", time(told.uptime)],
    ["Requests now", told.in_flight],
    ["Restarts of the engine", told.restarts],
  ]);
  const failures = told.failures.length
    ? [element("h3", "Last errors"), element("pre", told.failures.join("\n"))]
    : [element("p", "No errors.")];
  inside.replaceChildren(general, ...told.engines.flatMap(engine), ...failures);
}

let watching = 0;

async function watch(key) {
  clearTimeout(watching);
  try {
    const told = await status(key);
    inside.hidden = false;
    known = told.engines ? key : "";
    if (!told.engines) return inside.replaceChildren(element("p", "This key is not known."));
    show(told);
  } catch {
    inside.replaceChildren(element("p", "The endpoint does not answer just now."));
  }
  watching = setTimeout(watch, seconds * 1000, key);
}

document.querySelector(".key").addEventListener("submit", (event) => {
  event.preventDefault();
  watch(document.querySelector("#key").value);
});

if (phase !== "failed") setTimeout(follow, seconds * 1000);
