// The log follows the answer while its end is in sight, and never once a person has scrolled up.
// What greets in an empty one is read from its beginning.
const NEAR = 32;

export function followEnd(log, jump, isEmpty) {
  let follows = true;
  let last = 0;
  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
    last = log.scrollTop;
    jump.hidden = true;
  };
  log.addEventListener("scroll", () => {
    if (isAtEnd()) follows = true;
    else if (log.scrollTop < last) follows = false;
    last = log.scrollTop;
    jump.hidden = isAtEnd();
  }, { passive: true });
  const toStart = () => {
    log.scrollTop = last = 0;
    jump.hidden = true;
  };
  const grown = () => (isEmpty() ? toStart() : follows ? toEnd() : (jump.hidden = isAtEnd()));
  const go = () => {
    follows = true;
    toEnd();
  };
  jump.addEventListener("click", () => {
    go();
    log.focus({ preventScroll: true });
  });
  new ResizeObserver(grown).observe(log);
  return { grown, go };
}
