// Whom the playground talks to: this site's demo, or an endpoint of the person's own.
import { Trouble, ofNetwork, ofResponse } from "./trouble.js";

const LOOPBACK = /^(localhost|127\.0\.0\.1)$/;
const ASKING_MS = 15_000;

export function demoTarget() {
  return { url: location.origin, key: "", isOwn: false, dialect: "ollama", models: [], limits: null, noteLimits };
}

function noteLimits(headers) {
  const [limit, remaining] = ["X-RateLimit-Limit", "X-RateLimit-Remaining"].map((name) => headers.get(name));
  if (limit !== null && remaining !== null) this.limits = { limit: Number(limit), remaining: Number(remaining) };
}

// The base address of what a person pasted. Raises Trouble.
export function baseAddress(typed) {
  const text = typed.trim();
  let url;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
  } catch {
    throw new Trouble("That is no address. It looks like https://abc.provider.example");
  }
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (!isSafe) throw new Trouble("Use https: over plain http your key could be read on the way. http works for localhost only.");
  if (url.username || url.password) throw new Trouble("Leave name and password out of the address; the key has its own field.");
  const path = url.pathname.replace(/\/+$/, "").replace(/\/(v1|api)(\/.*)?$/, "");
  return url.origin + path;
}

// An endpoint that answers, with its dialect and models. Raises Trouble.
export async function ownTarget(typed, key) {
  const target = { url: baseAddress(typed), key: key.trim(), isOwn: true, dialect: "ollama", models: [] };
  await refreshModels(target);
  return target;
}

// Ask for the models anew. An own endpoint may speak OpenAI's API alone. Raises Trouble.
export async function refreshModels(target) {
  const tags = await asked(target, "/api/tags");
  if (tags.ok) {
    const { models = [] } = await json(tags);
    Object.assign(target, { dialect: "ollama", models: models.map(fromTags) });
  } else if (target.isOwn && [404, 405, 501].includes(tags.status)) {
    const listed = await asked(target, "/v1/models");
    if (!listed.ok) throw await ofResponse(listed, true);
    const { data = [] } = await json(listed);
    Object.assign(target, { dialect: "openai", models: data.map(fromList) });
  } else {
    throw await ofResponse(tags, target.isOwn);
  }
  const listed = target.models.length;
  target.models = target.models.filter(writes);
  if (target.models.length) return;
  if (listed) throw new Trouble("The endpoint answers, and its models make vectors of texts. The playground needs one that writes.");
  throw new Trouble(target.isOwn ? "The endpoint answers, and has no model." : "No model is offered here at the moment. Your own endpoint works.");
}

// Whether a model answers a chat, as far as its endpoint says.
const writes = ({ can: told }) => !told?.length || told.includes("completion");

// What a running model of an own endpoint may hold, which its list need not say.
export async function refreshContext(target) {
  if (!target.isOwn || target.dialect !== "ollama") return;
  const running = await asked(target, "/api/ps").then((answer) => (answer.ok ? answer.json() : {}), () => ({}));
  for (const { name, context_length: context } of running.models ?? []) {
    const model = target.models.find((each) => each.name === name);
    if (model && context) model.context = context;
  }
}

async function asked(target, path) {
  const headers = target.key ? { Authorization: `Bearer ${target.key}` } : {};
  const signal = AbortSignal.timeout(ASKING_MS);
  try {
    return await fetch(target.url + path, { headers, signal, credentials: "omit", referrerPolicy: "no-referrer", redirect: "error" });
  } catch {
    throw ofNetwork(target.isOwn);
  }
}

async function json(response) {
  try {
    return await response.json();
  } catch {
    throw new Trouble("What answers at this address is no model's endpoint.");
  }
}

function fromTags({ name, capabilities, size, details = {} }) {
  return {
    name: String(name),
    can: capabilities ?? null,
    context: details.context_length || null,
    facts: [details.parameter_size, details.quantization_level].filter((fact) => fact && fact !== "unknown"),
    bytes: size || 0,
  };
}

function fromList({ id, max_model_len: length, meta }) {
  return { name: String(id), can: null, context: length || meta?.n_ctx || null, facts: [], bytes: 0 };
}

// Where an endpoint does not say what its models can, they may be tried.
export function can(model, ability) {
  return Boolean(model) && (model.can === null ? ability === "vision" : model.can.includes(ability));
}
