// A conversation is a tree of turns, and for each turn which of its followers is shown.
//
// A user's turn has a text and images. An assistant's turn has one answer, or
// two where models were compared: each model goes on from its own answer.
const LONGEST_TITLE = 60;

export function newTalk(now = Date.now()) {
  return { id: newId(), title: "", created: now, updated: now, settings: null, turns: {}, roots: [], chosen: {} };
}

export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function addTurn(talk, parent, turn) {
  const added = { id: newId(), parent, followers: [], ...turn };
  talk.turns[added.id] = added;
  followersOf(talk, parent).push(added.id);
  talk.chosen[parent] = added.id;
  return added;
}

// Take a turn back that has nothing to keep; the branch beside it is shown again.
export function removeTurn(talk, turn) {
  const beside = followersOf(talk, turn.parent);
  beside.splice(beside.indexOf(turn.id), 1);
  talk.chosen[turn.parent] = beside.at(-1) ?? "";
  delete talk.turns[turn.id];
}

export function followersOf(talk, parent) {
  return parent ? talk.turns[parent].followers : talk.roots;
}

// The turns that are shown, from the first to the last.
export function shownPath(talk) {
  const path = [];
  let next = talk.chosen[""];
  while (next && talk.turns[next]) {
    path.push(talk.turns[next]);
    next = talk.chosen[next];
  }
  return path;
}

// From the first turn to this one, whichever branch is shown.
export function pathTo(talk, turn) {
  const path = [];
  for (let at = turn; at; at = talk.turns[at.parent]) path.unshift(at);
  return path;
}

export function choose(talk, turnId) {
  talk.chosen[talk.turns[turnId].parent] = turnId;
}

// What a model is told of the turns up to and with this one. Many templates insist on
// user and assistant in turn.
export function messagesTo(talk, turn, model) {
  const path = pathTo(talk, turn);
  const told = path.flatMap((each, at) => (each.role === "user" ? ownQuestion(each, path[at + 1]) : ownAnswer(each, model)));
  return inTurn(told);
}

// What was refused, or failed before a word, would be so again with the next question.
function ownQuestion(turn, next) {
  const isLost = next?.answers.every((answer) => answer.state === "failed" && !answer.text);
  return isLost ? [] : [userMessage(turn)];
}

function inTurn(messages) {
  const told = [];
  for (const message of messages) {
    if (told.at(-1)?.role === "user" && message.role === "user") told.push(together(told.pop(), message));
    else told.push(message);
  }
  return told;
}

function together(first, second) {
  const images = [...(first.images ?? []), ...(second.images ?? [])];
  const content = [first.content, second.content].filter(Boolean).join("\n\n");
  return { role: "user", content, ...(images.length ? { images } : {}) };
}

function userMessage(turn) {
  const message = { role: "user", content: turn.text };
  return turn.images.length ? { ...message, images: turn.images } : message;
}

function ownAnswer(turn, model) {
  const answer = turn.answers.find((each) => each.model === model) ?? turn.answers[0];
  return answer.text ? [{ role: "assistant", content: answer.text }] : [];
}

export function titleOf(talk) {
  if (talk.title) return talk.title;
  const first = talk.turns[talk.chosen[""]];
  const text = first?.text.trim().replace(/\s+/g, " ") ?? "";
  if (!text) return first ? "An image" : "New conversation";
  return text.length > LONGEST_TITLE ? `${text.slice(0, LONGEST_TITLE - 1)}…` : text;
}

export const answersOf = (talk) => Object.values(talk.turns).flatMap((turn) => turn.answers ?? []);

// Answers that are being written, or were when their page was closed.
export const unfinished = (talk) => answersOf(talk).filter((answer) => answer.state === "running");
