// What went wrong, in words that say what to do next.
export class Trouble extends Error {
  // `wait` is in seconds, null where nobody said how long.
  constructor(words, { wait = null, detail = "" } = {}) {
    super(words);
    this.wait = wait;
    this.detail = detail;
  }
}

const LONGEST_DETAIL = 400;
const DEMO_WORDS = {
  400: "The demo could not take this request.",
  404: "This model is not offered any more. Choose another one.",
  413: "This is more than the demo takes at once. Shorten the text, or send fewer or smaller images.",
  429: "That was the limit for one visitor.",
  500: "The demo failed at this request.",
  502: "The model's server failed.",
  503: "The demo is busy, or the model is starting.",
  504: "The answer took longer than the demo allows. Ask for a shorter one.",
};
const OWN_WORDS = {
  401: "The endpoint refused the key. Check it under “Your own endpoint”.",
  403: "The endpoint refused the key. Check it under “Your own endpoint”.",
  404: "The endpoint has no such model or route.",
  429: "The endpoint says that this is too many requests.",
  503: "The endpoint is busy, or its model is still loading.",
};

export async function ofResponse(response, isOwn) {
  const words = (isOwn ? OWN_WORDS : DEMO_WORDS)[response.status];
  const detail = detailOf(await response.text().catch(() => ""));
  return new Trouble(words ?? `${isOwn ? "The endpoint" : "The demo"} answered with status ${response.status}.`, {
    wait: secondsOf(response.headers.get("Retry-After")),
    detail,
  });
}

export function ofNetwork(isOwn) {
  if (!navigator.onLine) return new Trouble("This device is offline. Your message is kept: try again when it is back.");
  return new Trouble(
    isOwn
      ? `The endpoint could not be reached from this page. Check the address and its certificate; and, where it is not our runtime, that it lets pages of other sites call it (CORS).`
      : "The site could not be reached. Check your connection and try again.",
  );
}

export const cutOff = () =>
  new Trouble("The connection broke in the middle of the answer. What had come is kept.");

export const midStream = (detail) =>
  new Trouble("The model's server failed in the middle of the answer. What had come is kept.", { detail: short(detail) });

function detailOf(text) {
  try {
    const { error } = JSON.parse(text);
    return short(typeof error === "string" ? error : (error?.message ?? ""));
  } catch {
    return "";
  }
}

function short(text) {
  return String(text ?? "").slice(0, LONGEST_DETAIL);
}

// Seconds, or a date: RFC 9110, 10.2.3.
function secondsOf(value) {
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}
