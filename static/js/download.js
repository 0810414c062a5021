// A download with the secrets filled in here. The link alone works too: then
// the server makes a key and writes it on top of the file.
import { secrets } from "./secrets.js";

export function startDownloads() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-download]");
    if (!link || !secrets.hash || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    download(link);
  });
}

async function download(link) {
  const address = new URL(link.href);
  address.searchParams.set("api_key_sha256", secrets.hash);
  const answer = await fetch(address);
  if (!answer.ok) {
    location.assign(link.href);
    return;
  }
  save(link.dataset.download, secrets.fill(await answer.text()));
  if (link.dataset.download === "deploy.yaml") tellWhatComes();
}

// Until the choices change: then the file is another one, and the server's page hides it.
function tellWhatComes() {
  const place = document.getElementById("after-download");
  if (!place) return;
  place.hidden = false;
  const title = place.querySelector("h2");
  title.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
}

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
