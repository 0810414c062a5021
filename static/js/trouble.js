// A part of a page that could not be fetched is said to be old, not left as if it were new.
const WORDS = "The site did not answer. What you see is from before your last change.";

export function startTrouble() {
  document.addEventListener("htmx:error", show);
  document.addEventListener("htmx:after:swap", hide);
}

function show() {
  if (document.getElementById("trouble")) return;
  const notice = document.createElement("p");
  notice.id = "trouble";
  notice.className = "notice stop floating";
  notice.setAttribute("role", "alert");
  notice.textContent = WORDS;
  document.body.append(notice);
}

function hide() {
  document.getElementById("trouble")?.remove();
}
