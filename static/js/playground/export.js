// A conversation as a file: JSON with all branches, Markdown with what is shown.
import { messagesTo, shownPath, titleOf } from "./talk.js";

export function asJson(talk) {
  const path = shownPath(talk);
  return `${JSON.stringify({ format: "oneclickllm.conversation/1", title: titleOf(talk), messages: path.length ? messagesTo(talk, path.at(-1)) : [], conversation: talk }, null, 2)}\n`;
}

export function asMarkdown(talk) {
  const parts = [`# ${titleOf(talk).replace(/([\\`*_<>#[\]])/g, "\\$1")}`];
  if (talk.settings?.system) parts.push("## System", talk.settings.system);
  for (const turn of shownPath(talk)) parts.push(...(turn.role === "user" ? userPart(turn) : turn.answers.flatMap(answerPart)));
  return `${parts.join("\n\n")}\n`;
}

function userPart(turn) {
  const images = turn.images.length ? [`*With ${turn.images.length === 1 ? "an image" : `${turn.images.length} images`}, left out here.*`] : [];
  return ["## You", ...(turn.text ? [turn.text] : []), ...images];
}

function answerPart(answer) {
  const note = { stopped: "*Stopped here.*", failed: "*Broken off here.*" }[answer.state];
  return [`## ${answer.model}`, ...(answer.text ? [answer.text] : []), ...(note ? [note] : [])];
}

export function fileName(talk, extension) {
  const words = titleOf(talk).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 50);
  return `${words || "conversation"}.${extension}`;
}
