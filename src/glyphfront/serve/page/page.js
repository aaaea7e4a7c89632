// What happens on the page: input to a recogniser, its answer to people.

import { Board } from "./board.js";
import { drawFront, figuresOf } from "./front.js";

const byId = (id) => document.getElementById(id);
const isStatic = document.querySelector("meta[name=recognizer]").content === "static";
const recognizer = await import(isStatic ? "./local.js" : "./remote.js");
const board = new Board(byId("board"));
let models = [], given = null, asked = 0;

const options = () => ({
  model: byId("model").value,
  alphabet: byId("own").value || document.querySelector("[name=alphabet]:checked").value,
});

async function update() {
  const number = ++asked;
  byId("hint").hidden = board.strokes.length > 0;
  const whole = given && byId("whole").checked && recognizer.readsPages;
  if (!given && !board.strokes.length) return show(null);
  try {
    const told = given
      ? await (whole ? recognizer.page : recognizer.picture)(given, options())
      : await recognizer.strokes(board.strokes, board.width, options());
    if (number === asked) show(told);
  } catch (error) {
    if (number === asked) show({ error: error.message });
  }
}

function show(told) {
  const predictions = told?.predictions ?? [], first = predictions[0];
  byId("character").textContent = told?.character ?? " ";
  byId("seen").hidden = !told?.image;
  if (told?.image) byId("seen").src = told.image;
  byId("told").classList.toggle("fault", Boolean(told?.error));
  byId("told").textContent = inWords(told);
  byId("bars").replaceChildren(...predictions.slice(0, 5).map(bar));
  byId("text").hidden = told?.text === undefined;
  document.querySelector(".first").hidden = told?.text !== undefined;
  byId("lines").value = told?.text ?? "";
  byId("boxes").replaceChildren(...(told?.lines ? boxesOf(told) : []));
  document.documentElement.dataset.answer = first ? told.character : told?.text ?? "";
}

function inWords(told) {
  if (!told) return "No ink yet.";
  if (told.error) return told.error;
  const time = `${told.milliseconds < 10 ? told.milliseconds.toFixed(1) : Math.round(told.milliseconds)} ms`;
  if (told.text !== undefined) return [`${told.lines.length} lines in ${time}`, told.note].filter(Boolean).join("; ");
  const sure = `${(100 * told.predictions[0].probability).toFixed(1)} %`;
  const answer = told.reason ? `Not one character: ${told.reason}` : `${told.character}, ${sure}`;
  return `${answer}${told.alike?.length ? `, or ${told.alike.join(", ")}` : ""}; ${time}`;
}

function bar(guess) {
  const item = document.createElement("li"), fill = document.createElement("div");
  const percent = (100 * guess.probability).toFixed(1);
  fill.className = "bar";
  fill.style.width = `${percent}%`;
  item.append(fill, ...[guess.character, `${percent} %`].map(span));
  return item;
}

function span(text) {
  const made = document.createElement("span");
  made.textContent = text;
  return made;
}

function boxesOf(told) {
  const [wide, tall] = told.size;
  return told.lines.flatMap((line) => line.characters).filter(Boolean).map((one) => {
    const box = span(""), name = document.createElement("b");
    const [left, top, right, bottom] = one.box;
    name.textContent = one.character;
    box.append(name);
    Object.assign(box.style, {
      left: `${(100 * left) / wide}%`, top: `${(100 * top) / tall}%`,
      width: `${(100 * (right - left)) / wide}%`, height: `${(100 * (bottom - top)) / tall}%`,
    });
    return box;
  });
}

function take(file) {
  if (!file) return;
  given = file;
  board.clear();
  if (byId("photo").src) URL.revokeObjectURL(byId("photo").src);
  byId("photo").src = URL.createObjectURL(file);
  swap(true);
  update();
}

function swap(toPicture) {
  if (!toPicture) given = null;
  byId("picture").hidden = !toPicture;
  byId("board").hidden = toPicture;
  byId("hint").hidden = toPicture || board.strokes.length > 0;
}

async function begin() {
  try {
    models = await recognizer.models();
  } catch (error) {
    return show({ error: error.message });
  }
  byId("model").replaceChildren(...models.map((one) => new Option(`${one.name} (${one.precision})`, one.name)));
  byId("asPage").hidden = !recognizer.readsPages;
  chosen();
  show(null);
  document.documentElement.dataset.ready = "";
}

function chosen() {
  const model = models.find((one) => one.name === byId("model").value);
  byId("figures").textContent = figuresOf(model);
  drawFront(byId("front"), models, model);
}

board.addEventListener("changed", () => given || update());
board.addEventListener("begun", () => { byId("hint").hidden = true; });
byId("undo").addEventListener("click", () => given ? (swap(false), update()) : board.undo());
byId("clear").addEventListener("click", () => { swap(false); board.clear(); });
byId("width").addEventListener("input", (event) => { board.width = Number(event.target.value); board.draw(); });
byId("width").addEventListener("change", update);
byId("model").addEventListener("change", () => { chosen(); update(); });
byId("whole").addEventListener("change", update);
byId("own").addEventListener("input", (event) => { event.target.classList.toggle("used", event.target.value !== ""); update(); });
for (const radio of document.getElementsByName("alphabet"))
  radio.addEventListener("change", () => { byId("own").value = ""; byId("own").classList.remove("used"); update(); });
for (const id of ["file", "camera"])
  byId(id).addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
byId("copy").addEventListener("click", async () => {
  byId("lines").select();
  await navigator.clipboard?.writeText(byId("lines").value).catch(() => document.execCommand("copy"));
  byId("told").textContent = "Copied.";
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
  if (file) { event.preventDefault(); take(file); }
});
const surface = document.querySelector(".surface");
for (const type of ["dragover", "dragleave", "drop"])
  addEventListener(type, (event) => {
    event.preventDefault();
    surface.classList.toggle("over", type === "dragover");
    if (type === "drop") take(event.dataTransfer.files[0]);
  });
begin();
