// Copy what a button names, and say so.
export function startCopying() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button, document.querySelector(button.dataset.copy).textContent);
  });
}

export async function copy(button, text) {
  const done = await toClipboard(button, text);
  const words = done ? "Copied" : "The browser does not allow copying here";
  button.dataset.said = words;
  button.classList.toggle("done", done);
  announce(words);
  setTimeout(() => {
    delete button.dataset.said;
    button.classList.remove("done");
  }, 1600);
}

async function toClipboard(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(button, text);
  }
}

// Over plain http there is no clipboard, yet a selection can still be copied.
function copyBySelection(button, text) {
  const field = document.createElement("textarea");
  Object.assign(field, { className: "visually-hidden", readOnly: true, tabIndex: -1, ariaHidden: "true", value: text });
  button.after(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  button.focus();
  return done;
}

function announce(words) {
  let place = document.getElementById("announcer");
  if (!place) {
    place = document.createElement("p");
    place.id = "announcer";
    place.className = "visually-hidden";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  place.textContent = words;
}
