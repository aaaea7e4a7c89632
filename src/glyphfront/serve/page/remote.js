// Recognition by the service that the page came from.

const token = new URLSearchParams(location.hash.slice(1)).get("token");

async function ask(path, options = {}, body, type) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(options)) if (value) url.searchParams.set(name, value);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (type) headers["Content-Type"] = type;
  let answer;
  try {
    answer = await fetch(url, { method: body ? "POST" : "GET", headers, body });
  } catch {
    throw new Error("the service does not answer; start it again");
  }
  const told = await answer.json().catch(() => ({ ok: false, error: `the service answered ${answer.status}` }));
  if (told.ok) return told;
  throw new Error(answer.status === 401 ? "this service needs its token: open this page with #token=TOKEN" : told.error);
}

export const readsPages = true;

export const models = async () => (await ask("v1/models")).models;

export const strokes = (drawn, width, options) =>
  ask("v1/strokes", { ...options, image: true }, JSON.stringify({ strokes: drawn, width }), "application/json");

export const picture = (file, options) =>
  ask("v1/recognize", { ...options, image: true }, file, "application/octet-stream");

export const page = (file, options) => ask("v1/read", options, file, "application/octet-stream");
