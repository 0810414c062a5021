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
}
