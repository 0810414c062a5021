// The form beside the chat: which model, and how it is to answer.
import { byId, h } from "./dom.js";
import { grouped, size } from "./figures.js";
import { LARGEST_SEED, newSeed } from "./request.js";
import { readJson, writeJson } from "./store.js";
import { can } from "./target.js";

const KEPT = "oneclickllm.playground.settings";
const DEFAULTS = { system: "", temperature: 0.8, top_p: 0.9, length: 512, seed: "", json: false, think: true };
const LONGEST_OWN = 8192;
const listeners = [];
let models = [];

export const onSettings = (work) => listeners.push(work);

export function startSettings() {
  fill({ ...DEFAULTS, ...readJson("localStorage", KEPT) });
  const form = byId("settings-form");
  form.addEventListener("input", (event) => changed(event.target));
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("json-pill").addEventListener("input", (event) => {
    byId("json").checked = event.target.checked;
    changed(event.target);
  });
  byId("reset").addEventListener("click", () => {
    fill({ ...DEFAULTS });
    changed(null);
  });
}

export function readSettings() {
  const number = (id) => Number(byId(id).value);
  const seed = byId("seed").value.trim();
  return {
    model: byId("model").value,
    rival: byId("compare").checked ? byId("rival").value : "",
    system: byId("system").value.trim(),
    temperature: number("temperature"),
    top_p: number("top_p"),
    length: number("length"),
    seed: /^\d+$/.test(seed) && Number(seed) <= LARGEST_SEED ? Number(seed) : "",
    json: byId("json").checked,
    think: byId("think").checked,
  };
}

// What is sent for one model: a seed is always named, so that the answer can be had again.
export function sentSettings(model, settings = readSettings()) {
  const { system, temperature, top_p, length, json } = settings;
  const think = can(models.find((each) => each.name === model), "thinking") && modelsSay() ? settings.think : undefined;
  return { system, temperature, top_p, length, json, think, seed: settings.seed === "" ? newSeed() : settings.seed };
}

const modelsSay = () => models.some((model) => model.can !== null);

export function writeSettings(values) {
  fill({ ...DEFAULTS, ...values });
  changed(null);
}

function fill(values) {
  for (const key of ["system", "temperature", "top_p", "length", "seed"]) byId(key).value = values[key];
  for (const key of ["json", "think"]) byId(key).checked = values[key];
  if (values.model) choose("model", values.model);
  if (values.rival !== undefined) byId("compare").checked = Boolean(values.rival);
  if (values.rival) choose("rival", values.rival);
  show();
}

function choose(id, name) {
  const select = byId(id);
  if (models.some((model) => model.name === name)) select.value = name;
  else if (!models.length) select.dataset.wanted = name;
}

function changed(field) {
  if (field?.id === "compare" && field.checked) chooseAnother();
  show();
  const { system, ...kept } = readSettings();
  if (models.length) writeJson("localStorage", KEPT, kept);
  for (const work of listeners) work();
}

function chooseAnother() {
  if (byId("rival").value !== byId("model").value) return;
  const other = models.find((model) => model.name !== byId("model").value);
  if (other) byId("rival").value = other.name;
}

// Everything that follows from the fields: figures beside sliders, what is shown at all.
function show() {
  const words = { temperature: (value) => value.toFixed(1), top_p: (value) => value.toFixed(2), length: (value) => `${grouped(value)} tokens` };
  for (const [id, say] of Object.entries(words)) {
    const text = say(Number(byId(id).value));
    document.querySelector(`output[for="${id}"]`).textContent = text;
    byId(id).setAttribute("aria-valuetext", text);
  }
  byId("json-pill").checked = byId("json").checked;
  byId("rival-field").hidden = !byId("compare").checked;
  byId("reset").hidden = isDefault();
  const model = currentModel();
  byId("think-field").hidden = !(model?.can?.includes("thinking"));
  byId("model-facts").textContent = model ? factsOf(model) : "\u00a0";
  if (model) byId("model-short").textContent = byId("compare").checked ? `${byId("model").value} + 1` : byId("model").value;
}

function isDefault() {
  const now = readSettings();
  return Object.entries(DEFAULTS).every(([key, value]) => now[key] === value);
}

function factsOf(model) {
  const abilities = (model.can ?? []).filter((ability) => ["vision", "tools", "thinking"].includes(ability));
  const context = model.context ? [`${grouped(model.context)} tokens`] : [];
  return [...model.facts, size(model.bytes), ...context, ...abilities].filter(Boolean).join(" · ") || "\u00a0";
}

export const currentModel = () => models.find((model) => model.name === byId("model").value);
export const modelNamed = (name) => models.find((model) => model.name === name);
export const refreshFacts = () => show();

// The models of a target. A choice that is still offered stays; a rival needs no second model.
export function showModels(target, wanted = "") {
  models = target.models;
  const kept = readJson("localStorage", KEPT) ?? {};
  for (const id of ["model", "rival"]) {
    const select = byId(id);
    const choices = [id === "model" ? wanted : "", select.dataset.wanted, select.value, kept[id]];
    delete select.dataset.wanted;
    select.replaceChildren(...models.map(({ name }) => h("option", {}, name)));
    select.disabled = !models.length;
    const chosen = choices.find((name) => models.some((model) => model.name === name));
    if (chosen) select.value = chosen;
  }
  chooseAnother();
  const length = byId("length");
  length.max = target.isOwn ? LONGEST_OWN : byId("play").dataset.mostTokens;
  changed(null);
}

export function showNoModels(words) {
  models = [];
  byId("model").replaceChildren(h("option", { value: "" }, words));
  byId("model").disabled = true;
  byId("rival").replaceChildren();
  show();
}
