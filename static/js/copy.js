// Copy what a button names, and say so.
export function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.querySelector(button.dataset.copy).textContent;
    tell(button, (await copy(text)) ? "Copied" : "Press Ctrl+C");
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function tell(button, words) {
  const before = button.title;
  button.title = words;
  button.classList.add("done");
  button.dataset.said = words;
  announce(words);
  setTimeout(() => {
    button.title = before;
    button.classList.remove("done");
    delete button.dataset.said;
  }, 1600);
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
