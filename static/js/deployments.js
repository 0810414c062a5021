// The list of one's deployments.
import { part } from "./deploy_api.js";
import { memory } from "./deploy_memory.js";

const form = document.getElementById("key-form");
const input = document.getElementById("console-key");

input.value = memory.key;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  memory.key = input.value.trim();
  list();
});
if (memory.key) list();

async function list() {
  const result = await part("/deployments/list", "#deployment-list");
  form.hidden = result.ok;
  if (result.ok) nameThem();
}

// The account knows a deployment by its number alone; this tab knows what it has deployed.
function nameThem() {
  for (const link of document.querySelectorAll("table.deployments a")) {
    const dseq = link.textContent;
    const { title, here } = memory.record(dseq);
    if (!title) continue;
    const page = new URL(here, location.href);
    page.searchParams.set("dseq", dseq);
    link.href = page.href;
    const name = document.createElement("span");
    name.className = "small dim";
    name.textContent = title;
    link.after(" ", name);
  }
}
