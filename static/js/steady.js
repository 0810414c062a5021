// What a person is using stays where it is when a part of the page above it
// grows or shrinks: the page scrolls by as much as it moved.
let used = null;
let top = 0;

export function startSteadiness() {
  document.addEventListener("htmx:before:swap", remember);
  document.addEventListener("htmx:after:swap", keep);
}

function remember() {
  const element = document.activeElement;
  used = element?.closest("#choices") ? element : null;
  top = used ? used.getBoundingClientRect().top : 0;
}

function keep() {
  if (!used?.isConnected) return;
  const moved = used.getBoundingClientRect().top - top;
  if (moved) window.scrollBy({ top: moved, behavior: "instant" });
}
