// Ollama's own JavaScript client against one endpoint: {"url", "key", "calls": [[name, …]]} as the
// only argument, a JSON list of what each call gave, or of its error, out.

import { Ollama } from "ollama";

const { url, key, calls } = JSON.parse(process.argv[2]);
const client = new Ollama({ host: url, headers: { Authorization: `Bearer ${key}` } });

async function told(name, request) {
  const answer = await client[name](request);
  if (!request?.stream) return answer;
  const parts = [];
  for await (const part of answer) parts.push(part);
  return parts;
}

const answers = [];
for (const [name, request] of calls) {
  try {
    answers.push({ answer: await told(name, request) });
  } catch (error) {
    answers.push({ error: error.message, status: error.status_code ?? null });
  }
}
process.stdout.write(JSON.stringify(answers));
