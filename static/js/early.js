// Before the first paint, so that nothing moves when the modules arrive.
document.documentElement.classList.add("scripted");
