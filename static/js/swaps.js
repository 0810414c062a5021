// Run a function now and after each part of the page that htmx replaces.
export function onEachPage(work) {
  work();
  document.addEventListener("htmx:after:swap", work);
}
