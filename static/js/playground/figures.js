// Figures as people read them.
export const grouped = (count) => Math.round(count).toLocaleString("en");

export function seconds(count) {
  if (count < 10) return `${count.toFixed(count < 1 ? 2 : 1)} s`;
  if (count < 90) return `${Math.round(count)} s`;
  return `${Math.floor(count / 60)} min ${Math.round(count % 60)} s`;
}

// Ticks while it runs: one digit, so that it does not jump.
export const ticking = (count) => (count < 60 ? `${count.toFixed(1)} s` : seconds(count));

export const speed = (count) => `${count < 10 ? count.toFixed(1) : grouped(count)} tokens/s`;

export function when(moment, now = Date.now()) {
  const minutes = Math.floor((now - moment) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const date = new Date(moment);
  if (date.toDateString() === new Date(now).toDateString()) return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

export function size(bytes) {
  if (!bytes) return "";
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
}
