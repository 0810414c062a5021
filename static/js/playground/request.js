// The body of a request, from messages and settings, in either dialect.
export const LARGEST_SEED = 2 ** 31 - 1;

export function newSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % LARGEST_SEED;
}

export function bodyFor(dialect, question) {
  return dialect === "openai" ? openaiBody(question) : ollamaBody(question);
}

export function ollamaBody({ model, messages, settings }) {
  const { temperature, top_p, length, seed } = settings;
  return {
    model,
    messages: withSystem(messages, settings).map(ollamaMessage),
    stream: true,
    ...(settings.json ? { format: "json" } : {}),
    ...(settings.think === undefined ? {} : { think: settings.think }),
    options: { temperature, top_p, num_predict: length, seed },
  };
}

export function openaiBody({ model, messages, settings }) {
  const { temperature, top_p, length, seed } = settings;
  return {
    model,
    messages: withSystem(messages, settings).map(openaiMessage),
    stream: true,
    stream_options: { include_usage: true },
    temperature,
    top_p,
    max_tokens: length,
    seed,
    ...(settings.json ? { response_format: { type: "json_object" } } : {}),
  };
}

// Messages with their latest `most` images; earlier ones are left out.
export function withLatestImages(messages, most) {
  let left = most;
  return messages.toReversed().map(({ images = [], ...message }) => {
    const kept = left > 0 ? images.slice(-left) : [];
    left -= kept.length;
    return kept.length ? { ...message, images: kept } : message;
  }).toReversed();
}

// The latest `most` messages of so many characters together. An answer without its question
// would begin what many templates refuse.
export function withLatest(messages, most, characters) {
  let left = characters;
  const last = messages.length - 1;
  const cut = messages.findLastIndex(({ content }, at) => at < last && (left -= content.length) < messages[last].content.length);
  const kept = messages.slice(Math.max(cut + 1, messages.length - most));
  return kept[0]?.role === "assistant" ? kept.slice(1) : kept;
}

function withSystem(messages, { system }) {
  return system ? [{ role: "system", content: system }, ...messages] : messages;
}

function ollamaMessage({ images, ...message }) {
  return images ? { ...message, images: images.map(base64Of) } : message;
}

function openaiMessage({ images, ...message }) {
  if (!images) return message;
  const parts = images.map((url) => ({ type: "image_url", image_url: { url } }));
  return { ...message, content: [...parts, { type: "text", text: message.content }] };
}

function base64Of(dataUrl) {
  return dataUrl.slice(dataUrl.indexOf(",") + 1);
}
