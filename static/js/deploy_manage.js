// Closing, adding to the deposit, and changing the file in place.
import { change, showTrouble } from "./deploy_api.js";
import { memory } from "./deploy_memory.js";

const UNKNOWN_ADDED = "It may have arrived all the same: look at “Deposit left” before you add again.";
const UNKNOWN_UPDATED = "It may have arrived all the same. Update again: the same change twice does no harm.";

export function startManaging(state, follow) {
  const element = (id) => document.getElementById(id);
  const say = (words) => { element("manage-state").textContent = words; };

  element("close-button").addEventListener("click", () => {
    element("close-confirm").hidden = false;
    element("close-really").focus();
  });
  element("close-not").addEventListener("click", () => {
    element("close-confirm").hidden = true;
    element("close-button").focus();
  });
  element("close-really").addEventListener("click", () => once(element("close-really"), async () => {
    say("Closing…");
    const result = await change(`/deployments/${state.dseq}/close`, {});
    showTrouble(result);
    say("");
    if (!result.ok) return;
    element("close-confirm").hidden = true;
    follow();
  }));

  onSubmit(element("deposit-form"), async () => {
    say("Adding…");
    const result = await change(`/deployments/${state.dseq}/deposit`, { usd: Number(element("more").value) });
    showTrouble(result);
    say(result.ok ? "Added." : result.passing ? UNKNOWN_ADDED : "");
    follow();
  });

  onSubmit(element("update-form"), async () => {
    const context = Number(element("new-context").value) || null;
    const image = element("new-image").value.trim();
    if (!context && !image) return say("Give a context, an image, or both.");
    say("Updating…");
    const sdl = memory.record(state.dseq).sdl;
    const result = await change(`/deployments/${state.dseq}/update`, { sdl, context, image });
    showTrouble(result);
    say(result.ok ? "Updated: the container starts again." : result.passing ? UNKNOWN_UPDATED : "");
    if (!result.ok) return;
    memory.keep(state.dseq, result.json);
    if (context) element("new-context").placeholder = context;
    if (image) element("new-image").placeholder = image;
    element("new-context").value = element("new-image").value = "";
    follow();
  });
}

function onSubmit(form, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form.querySelector("[type=submit]"), work);
  });
}

// A second press while the first is under way does nothing.
async function once(button, work) {
  if (button.disabled) return;
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
  }
}
