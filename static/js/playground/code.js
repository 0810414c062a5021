// A request as code that runs as it is.
import { bodyFor } from "./request.js";

export const KEY_PLACEHOLDER = "YOUR-API-KEY";

// {curl, openai, ollama, javascript} for a question that is put to a target.
export function snippets(target, question, key = "") {
  const secret = target.isOwn && (target.key || key) ? key || KEY_PLACEHOLDER : "";
  return {
    curl: curl(target, question, secret),
    openai: openaiPython(target, question, secret),
    ollama: target.dialect === "ollama" ? ollamaPython(target, question, secret) : "# This endpoint speaks the OpenAI API alone.\n",
    javascript: javascript(target, question, secret),
  };
}

// A here-document: no quoting in the text can end it, and no argument is too long.
function curl(target, question, secret) {
  const path = target.dialect === "openai" ? "/v1/chat/completions" : "/api/chat";
  const key = secret ? ` \\\n  -H ${shellQuoted(`Authorization: Bearer ${secret}`)}` : "";
  const body = JSON.stringify(bodyFor(target.dialect, question), null, 2);
  return `curl -sN ${shellQuoted(target.url + path)} \\
  -H 'Content-Type: application/json'${key} \\
  --data-binary @- <<'END-OF-REQUEST'
${body}
END-OF-REQUEST
`;
}

function shellQuoted(text) {
  return /^[A-Za-z0-9:/._-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function openaiPython(target, question, secret) {
  const { stream, stream_options: _usage, ...body } = bodyFor("openai", question);
  return `from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(`${target.url}/v1`)}, api_key=${JSON.stringify(secret || "none-needed")})
stream = client.chat.completions.create(
${keywords({ ...body, stream })}
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
`;
}

function ollamaPython(target, question, secret) {
  const headers = secret ? `, headers=${python({ Authorization: `Bearer ${secret}` })}` : "";
  return `from ollama import Client

client = Client(host=${JSON.stringify(target.url)}${headers})
stream = client.chat(
${keywords(bodyFor("ollama", question))}
)
for part in stream:
    print(part.message.content or "", end="", flush=True)
print()
`;
}

function javascript(target, question, secret) {
  const isOpenai = target.dialect === "openai";
  const { stream_options: _usage, ...body } = bodyFor(target.dialect, question);
  const key = secret ? `, Authorization: ${JSON.stringify(`Bearer ${secret}`)}` : "";
  const path = isOpenai ? "/v1/chat/completions" : "/api/chat";
  const picked = isOpenai ? "answer.choices[0].message.content" : "answer.message.content";
  return `const response = await fetch(${JSON.stringify(target.url + path)}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${key} },
  body: JSON.stringify(${JSON.stringify({ ...body, stream: false }, null, 2).replaceAll("\n", "\n  ")}),
});
if (!response.ok) throw new Error(await response.text());
const answer = await response.json();
console.log(${picked});
`;
}

function keywords(values) {
  return Object.entries(values).map(([name, value]) => `    ${name}=${python(value, 1)},`).join("\n");
}

// A value as Python writes it. JSON's quoted texts are Python's too.
export function python(value, depth = 0) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const items = Array.isArray(value)
    ? value.map((item) => python(item, depth + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${python(item, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = items.join(", ");
  if (line.length < 70 && !line.includes("\n")) return `${open}${line}${close}`;
  return `${open}\n${items.map((item) => `${inner}${item},`).join("\n")}\n${"    ".repeat(depth)}${close}`;
}

const LONG_BASE64 = /[A-Za-z0-9+/]{400,}={0,2}/g;

// For the eye only: what is copied is whole.
export function withoutImages(text) {
  return text.replace(LONG_BASE64, (found) => `${found.slice(0, 24)}… (${Math.round((found.length * 3) / 4096)} KB)`);
}
