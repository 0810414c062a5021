// Images of the person: read, turned upright and made small in the browser, as data URLs.
const LONGEST_SIDE = 1024;
const QUALITIES = [0.88, 0.75, 0.6, 0.45];

export class UnreadableImage extends Error {}

// Raises UnreadableImage where the browser cannot show the file.
export async function smaller(file, mostBytes) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new UnreadableImage(file.name);
  });
  let side = LONGEST_SIDE;
  for (;;) {
    const canvas = drawn(bitmap, side);
    const fitting = QUALITIES.map((quality) => canvas.toDataURL("image/jpeg", quality)).find((url) => bytesOf(url) <= mostBytes);
    if (fitting || side < 64) {
      bitmap.close();
      return fitting ?? canvas.toDataURL("image/jpeg", QUALITIES.at(-1));
    }
    side /= 2;
  }
}

function drawn(bitmap, longest) {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  // JPEG has no transparency: what is see-through becomes white, not black.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function bytesOf(dataUrl) {
  return ((dataUrl.length - dataUrl.indexOf(",") - 1) * 3) / 4;
}

export function imagesOf(transfer) {
  return [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));
}
