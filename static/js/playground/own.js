// The person's own endpoint: asked straight from this browser. Address and key stay in this tab.
import { byId, say } from "./dom.js";
import { readJson, writeJson } from "./store.js";
import { ownTarget, refreshContext } from "./target.js";
import { Trouble } from "./trouble.js";

const KEPT = "oneclickllm.playground.endpoint";

// `use(target)` takes an endpoint, `leave()` goes back to the demo.
export function startOwn(use, leave) {
  byId("own-form").addEventListener("submit", (event) => {
    event.preventDefault();
    connect(byId("own-url").value, byId("own-key").value, use);
  });
  byId("own").addEventListener("toggle", () => byId("own").scrollIntoView({ block: "nearest" }));
  byId("own-leave").addEventListener("click", () => {
    writeJson("sessionStorage", KEPT, null);
    byId("own-key").value = "";
    show(null);
    leave();
  });
  const kept = readJson("sessionStorage", KEPT);
  if (!kept) return false;
  byId("own-url").value = kept.url;
  byId("own-key").value = kept.key;
  byId("own").open = true;
  connect(kept.url, kept.key, use);
  return true;
}

async function connect(url, key, use) {
  const trouble = byId("own-trouble");
  trouble.hidden = true;
  byId("own-connect").disabled = true;
  byId("own-connect").textContent = "Connecting…";
  try {
    const target = await ownTarget(url, key);
    await refreshContext(target);
    writeJson("sessionStorage", KEPT, { url: target.url, key: target.key });
    byId("own-url").value = target.url;
    show(target);
    use(target);
    say(`Connected to ${new URL(target.url).host}.`);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    trouble.textContent = error.detail && !error.message.includes(error.detail) ? `${error.message} (${error.detail})` : error.message;
    trouble.hidden = false;
  } finally {
    byId("own-connect").disabled = false;
    byId("own-connect").textContent = "Connect";
  }
}

function show(target) {
  byId("own-leave").hidden = !target;
  byId("own-title").textContent = target ? "Your own endpoint: connected" : "Use your own endpoint";
  byId("own").classList.toggle("on", Boolean(target));
}
