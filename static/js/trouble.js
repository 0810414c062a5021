// A part of a page that could not be fetched is said to be old, not left as if it were new.
// The server's own sentences come to the same place, by HX-Retarget.
const WORDS = "The site did not answer. What you see is from before your last change.";

export function startTrouble() {
  document.addEventListener("htmx:error", show);
  document.addEventListener("htmx:after:swap", hide);
}

function show() {
  const notice = document.createElement("p");
  notice.className = "notice stop floating";
  notice.setAttribute("role", "alert");
  notice.textContent = WORDS;
  document.getElementById("trouble").replaceChildren(notice);
}

function hide(event) {
  if (event.detail.ctx.response.raw.ok) document.getElementById("trouble").replaceChildren();
}
