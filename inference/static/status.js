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

document.querySelectorAll("pre code").forEach((code) => {
  code.textContent = code.textContent.replaceAll("ENDPOINT", location.origin);
});

document.querySelector(".key").addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = await status(document.querySelector("#key").value);
  inside.hidden = false;
  inside.textContent = told.engines ? JSON.stringify(told, null, 2) : "This key is not known.";
});

if (phase !== "failed") setTimeout(follow, seconds * 1000);
