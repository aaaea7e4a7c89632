// Recognition by the service that the page came from.

const MOST_PIXELS = 16e6; // of a photo; more add nothing, and are refused above a limit
const READ = /^image\/(png|jpeg|webp|gif|bmp|tiff|avif)$/; // by every service
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

export const where = isHere
  ? "Nothing leaves this machine."
  : `Drawings and pictures are sent to ${location.host}, which keeps none.`;

async function ask(path, { signal, ...options } = {}, body, type) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(options)) if (value) url.searchParams.set(name, value);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (type) headers["Content-Type"] = type;
  let answer;
  try {
    answer = await fetch(url, { method: body ? "POST" : "GET", headers, body, signal });
  } catch {
    throw new Error("The service does not answer. Start it again.");
  }
  const told = await answer.json().catch(() => ({ ok: false, error: `the service answered ${answer.status}` }));
  if (told.ok) return told;
  throw new Error(answer.status === 401 ? "This service needs its token: open this page with #token=TOKEN." : told.error);
}

export const models = async () =>
  (await ask("v1/models")).models.map((one) => ({ ...one, latency_where: isHere ? "on this machine" : "on the service" }));

export const strokes = (drawn, width, options) =>
  ask("v1/strokes", { ...options, image: true }, JSON.stringify({ strokes: drawn, width }), "application/json");

/** What is sent of a picture: the file, or, where it has too many pixels or only this browser reads it, a smaller one. */
export async function prepared(file) {
  const isRead = READ.test(file.type);
  const image = (file.size > 2e6 || !isRead) && (await createImageBitmap(file).catch(() => null));
  const scale = image ? Math.min(Math.sqrt(MOST_PIXELS / (image.width * image.height)), 1) : 1;
  if (!image || (scale === 1 && isRead)) return file;
  const canvas = new OffscreenCanvas(Math.round(image.width * scale), Math.round(image.height * scale));
  const on = canvas.getContext("2d");
  on.drawImage(image, 0, 0, canvas.width, canvas.height);
  const isClear = file.type !== "image/jpeg" && hasTransparent(on.getImageData(0, 0, canvas.width, canvas.height));
  // a JPEG shows black for what is transparent, and a PNG of a photo is larger than a service takes
  return canvas.convertToBlob(isClear ? { type: "image/png" } : { type: "image/jpeg", quality: 0.92 });
}

function hasTransparent({ data }) {
  for (let at = 3; at < data.length; at += 4) if (data[at] < 255) return true;
  return false;
}

export const picture = (file, options) =>
  ask("v1/recognize", { ...options, image: true }, file, "application/octet-stream");

export const page = (file, options) => ask("v1/read", options, file, "application/octet-stream");
