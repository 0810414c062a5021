// Puts a plan on the chain: the same file as often as it takes; the site finds what exists.
import { change, showTrouble } from "./deploy_api.js";
import { memory } from "./deploy_memory.js";
import { keyReady, secrets } from "./secrets.js";

const EVERY = 3000;
// A transaction that has not come in this time will not.
const LONGEST = 360_000;

// The file that is on its way already, or a new one; null where none can be written.
export async function pendingFile(plan, say) {
  const known = memory.pending;
  if (known?.here === plan.here) return known;
  say("Writing the file…");
  await keyReady();
  if (!secrets.hash) {
    say("This connection is not secure (https), so the browser cannot make a key. Download the file instead.");
    return null;
  }
  const sdl = await writtenFile(plan.yaml);
  if (!sdl) {
    say("The site did not answer with the file. Try again.");
    return null;
  }
  const pending = {
    here: plan.here,
    sdl,
    key: secrets.key,
    deposit: Number(document.getElementById("deposit").value),
    automatic: document.getElementById("automatic").checked,
  };
  // A token that was typed is in the file: it is not kept longer than this takes.
  memory.pending = pending;
  return pending;
}

async function writtenFile(path) {
  const address = new URL(path, location.href);
  address.searchParams.set("api_key_sha256", secrets.hash);
  try {
    const answer = await fetch(address);
    return answer.ok ? secrets.fill(await answer.text()) : "";
  } catch {
    return "";
  }
}

// What the Console tells of the deployment; null where it was refused, which is shown.
export async function create(pending, say) {
  const began = Date.now();
  say("Putting the deployment on the chain…");
  for (;;) {
    const result = await change("/deployments/create", { sdl: pending.sdl, deposit: pending.deposit });
    showTrouble(result);
    if (result.ok) return result.json;
    if (!result.passing || Date.now() - began > LONGEST) {
      memory.pending = null;
      say("");
      return null;
    }
    say("Looking whether it was made…");
    await new Promise((done) => setTimeout(done, EVERY));
  }
}
