// The address of a search tells what was chosen, and not what was left alone.
export function startSearch() {
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches(".search")) return;
    for (const [name, value] of [...event.formData]) {
      if (!value) event.formData.delete(name);
    }
  });
}
