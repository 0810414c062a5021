// The context slider runs over real marks, at even steps; the number beside it is what counts.
export function startSlider() {
  document.addEventListener("input", (event) => {
    if (event.target.id === "context-slider") fromSlider(event.target);
    if (event.target.id === "context") fromNumber(event.target);
  }, true);
}

function marksOf(slider) {
  return slider.dataset.marks.split(",").map(Number);
}

function contextAt(position, marks) {
  const low = Math.floor(position);
  if (low >= marks.length - 1) return marks[marks.length - 1];
  const between = marks[low] * (marks[low + 1] / marks[low]) ** (position - low);
  return position === low ? marks[low] : Math.round(between / 256) * 256;
}

function positionOf(context, marks) {
  const high = marks.findIndex((mark) => context <= mark);
  if (high === 0 || marks.length === 1) return 0;
  if (high < 0) return marks.length - 1;
  const low = high - 1;
  return low + Math.log(context / marks[low]) / Math.log(marks[high] / marks[low]);
}

function describe(slider, context) {
  slider.setAttribute("aria-valuetext", `${context.toLocaleString("en")} tokens`);
}

function fromSlider(slider) {
  const context = contextAt(Number(slider.value), marksOf(slider));
  document.getElementById("context").value = context;
  describe(slider, context);
}

function fromNumber(number) {
  const slider = document.getElementById("context-slider");
  const context = Number(number.value || number.placeholder);
  if (!slider || !context) return;
  slider.value = positionOf(context, marksOf(slider));
  describe(slider, context);
}
