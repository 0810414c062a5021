// A number that is out of range, or a text of the wrong form, is told in words
// beside its field once it has been typed; while it is wrong nothing is asked for.
export function startValidity() {
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!isChoice(field)) return;
    if (field.validity.valid) clear(field);
    else event.stopPropagation();
  }, true);
  document.addEventListener("change", (event) => {
    if (isChoice(event.target) && !event.target.validity.valid) tell(event.target);
  }, true);
}

function isChoice(field) {
  return Boolean(field.validity && field.closest("#choices"));
}

function words(field) {
  const { min, max, step } = field;
  const number = step && step !== "1" ? "number" : "whole number";
  const readable = (bound) => Number(bound).toLocaleString("en");
  if (field.type === "number" && max) return `Use a ${number} from ${readable(min)} to ${readable(max)}.`;
  if (field.type === "number") return `Use a ${number} of ${min} or more.`;
  return field.title || field.validationMessage;
}

function tell(field) {
  clear(field);
  const message = document.createElement("p");
  message.className = "field-trouble";
  message.id = `${field.id}-trouble`;
  message.setAttribute("role", "alert");
  message.textContent = words(field);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", message.id);
  (field.closest(".context-line") || field).after(message);
}

function clear(field) {
  document.getElementById(`${field.id}-trouble`)?.remove();
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-errormessage");
}
