// One request on the wire, and what comes back as events:
//   { queue: place }   place 0 when the turn has come
//   { thinking }, { text }
//   { end: { tokens, promptTokens, seconds, promptSeconds, reason } }
import { Trouble, cutOff, midStream, ofNetwork, ofResponse } from "./trouble.js";

const PATHS = { ollama: "/api/chat", openai: "/v1/chat/completions" };
const LONGEST_LINE = 8 << 20;

export function headersFor(target) {
  const headers = { "Content-Type": "application/json" };
  if (target.key) headers.Authorization = `Bearer ${target.key}`;
  if (!target.isOwn) headers["X-OneClick-Progress"] = "1";
  return headers;
}

export function addressFor(target) {
  return target.url + PATHS[target.dialect];
}

export async function* ask(target, body, signal) {
  const response = await opened(target, body, signal);
  const read = target.dialect === "openai" ? openaiEvent : ollamaEvent;
  const end = {};
  try {
    for await (const line of lines(response)) {
      const found = read(line, end);
      if (found) yield* found;
      if (end.isDone) break;
    }
  } catch (error) {
    if (signal.aborted || error instanceof Trouble) throw error;
    throw cutOff();
  }
  if (!end.isDone) throw cutOff();
  yield { end };
}

async function opened(target, body, signal) {
  let response;
  try {
    response = await fetch(addressFor(target), {
      method: "POST",
      headers: headersFor(target),
      body: JSON.stringify(body),
      signal,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw ofNetwork(target.isOwn);
  }
  target.noteLimits?.(response.headers);
  if (!response.ok) throw await ofResponse(response, target.isOwn);
  return response;
}

async function* lines(response) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks(response.body)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop();
    if (rest.length > LONGEST_LINE) throw midStream("a line without an end");
    yield* parts.map((part) => part.trim()).filter(Boolean);
  }
  if (rest.trim()) yield rest.trim();
}

// A stream is not iterable in every browser yet.
async function* chunks(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function ollamaEvent(line, end) {
  const found = parsed(line);
  if (found.error) throw midStream(messageOf(found.error));
  if (found.queue) return [{ queue: found.queue.place }];
  const events = piece(found.message?.thinking, found.message?.content);
  if (found.done) Object.assign(end, ollamaEnd(found));
  return events;
}

function ollamaEnd(found) {
  return {
    isDone: true,
    tokens: found.eval_count,
    promptTokens: found.prompt_eval_count,
    seconds: found.eval_duration / 1e9,
    promptSeconds: found.prompt_eval_duration / 1e9,
    reason: found.done_reason,
  };
}

function openaiEvent(line, end) {
  if (!line.startsWith("data:")) return null;
  const data = line.slice(5).trim();
  if (data === "[DONE]") {
    end.isDone = true;
    return null;
  }
  const found = parsed(data);
  if (found.error) throw midStream(messageOf(found.error));
  const [choice] = found.choices ?? [];
  if (choice?.finish_reason) end.reason = choice.finish_reason;
  if (found.usage) Object.assign(end, { tokens: found.usage.completion_tokens, promptTokens: found.usage.prompt_tokens });
  return piece(choice?.delta?.reasoning_content ?? choice?.delta?.reasoning, choice?.delta?.content);
}

function piece(thinking, text) {
  return [...(thinking ? [{ thinking: String(thinking) }] : []), ...(text ? [{ text: String(text) }] : [])];
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw midStream("a line that is no JSON");
  }
}

function messageOf(error) {
  return typeof error === "string" ? error : error.message;
}
