// What happens on the page: input to a recogniser, its answer to people.

import { show } from "./answer.js";
import { Board } from "./board.js";
import { Choice } from "./front.js";

const byId = (id) => document.getElementById(id);
const isStatic = document.querySelector("meta[name=recognizer]").content === "static";
const recognizer = await import(isStatic ? "./local.js" : "./remote.js");
const board = new Board(byId("board")), choice = new Choice(() => update());
let given = null, asked = 0, running = new AbortController(), typing = 0;

function options() {
  running.abort(); // only the last answer is shown
  running = new AbortController();
  const alphabet = byId("own").value.trim() || document.querySelector("[name=alphabet]:checked")?.value;
  return { ...choice.options(), alphabet, signal: running.signal };
}

/** What the service is told of how a page is laid out. */
function layout() {
  const kind = byId("kind").value, sides = [byId("rows"), byId("columns")];
  if (kind === "grid" && !sides.every((side) => side.checkValidity()))
    throw new Error("Give rows and columns, each from 1 to 50.");
  const grid = kind === "grid" && sides.map((side) => Number(side.value)).join("x");
  return { grid, boxes: kind === "boxes", fields: byId("fields").value.trim() };
}

function answerTo(picture, chosen) {
  const isPage = recognizer.page && byId("kind").value !== "character";
  return isPage ? recognizer.page(picture, { ...chosen, ...layout() }) : recognizer.picture(picture, chosen);
}

async function update() {
  const number = ++asked, chosen = options();
  byId("hint").hidden = board.strokes.length > 0 || given;
  if (!given && !board.strokes.length) return show(null);
  const slow = setTimeout(() => number === asked && show("reading"), 400);
  let told;
  try {
    told = given
      ? await answerTo(await given, chosen)
      : await recognizer.strokes(board.strokes, board.width, chosen);
  } catch (error) {
    told = { error: error.message };
  }
  clearTimeout(slow);
  if (number !== asked) return;
  show(told, given && recognizer.page);
  choice.timed();
}

/** While something is typed. */
function updateSoon() {
  clearTimeout(typing);
  typing = setTimeout(update, 250);
}

function take(file) {
  if (!file) return;
  given = recognizer.prepared(file);
  given.catch(() => {}); // told by update
  board.clear();
  const photo = byId("photo");
  if (photo.src) URL.revokeObjectURL(photo.src);
  photo.alt = "The picture that was given";
  photo.src = URL.createObjectURL(file);
  setKind("character");
  byId("fields").value = ""; // they were of the picture before
  swap();
  update();
}

function setKind(kind) {
  byId("kind").value = kind;
  byId("cells").hidden = kind !== "grid";
  byId("fieldsRow").hidden = kind === "character";
}

function back() {
  given = null;
  swap();
}

/** Show the picture where one is given, the board elsewhere. */
function swap() {
  for (const id of ["picture", "pageRow"]) byId(id).hidden = !given;
  for (const id of ["board", "penRow"]) byId(id).hidden = Boolean(given);
  byId("hint").hidden = given || board.strokes.length > 0;
}

async function begin() {
  document.documentElement.classList.toggle("touch", navigator.maxTouchPoints > 0);
  byId("where").textContent = recognizer.where;
  byId("kinds").hidden = !recognizer.page;
  byId("noPages").hidden = Boolean(recognizer.page);
  if (!recognizer.page) byId("what").textContent = "Draw one character, or give a picture of one.";
  try {
    choice.offer(await recognizer.models());
  } catch (error) {
    return show({ error: error.message });
  }
  document.documentElement.dataset.ready = "";
  update();
}

board.addEventListener("changed", () => given || update());
board.addEventListener("begun", () => { byId("hint").hidden = true; });
byId("undo").addEventListener("click", () => given ? (back(), update()) : board.undo());
byId("clear").addEventListener("click", () => { back(); board.clear(); });
byId("width").addEventListener("input", (event) => { board.width = Number(event.target.value); board.draw(); });
byId("width").addEventListener("change", update);
byId("kind").addEventListener("change", ({ target }) => { setKind(target.value); update(); });
for (const id of ["rows", "columns", "fields"]) byId(id).addEventListener("input", updateSoon);
byId("readPage").addEventListener("click", async () => {
  setKind("lines");
  await update();
  if (!byId("text").hidden) byId("lines").focus();
});
byId("photo").addEventListener("error", () => { byId("photo").alt = "This browser cannot show the picture."; });
byId("own").addEventListener("input", ({ target }) => {
  target.classList.toggle("used", target.value !== "");
  for (const radio of document.getElementsByName("alphabet")) radio.checked = !target.value && !radio.value;
  updateSoon();
});
for (const radio of document.getElementsByName("alphabet"))
  radio.addEventListener("change", () => { byId("own").value = ""; byId("own").classList.remove("used"); update(); });
for (const id of ["file", "camera"])
  byId(id).addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
for (const pick of document.getElementsByClassName("pick"))
  pick.addEventListener("click", () => pick.nextElementSibling.click());
byId("copy").addEventListener("click", async () => {
  const lines = byId("lines");
  let copied = true;
  try {
    await navigator.clipboard.writeText(lines.value);
  } catch { // not over plain HTTP from another machine
    lines.focus();
    lines.select();
    copied = document.execCommand("copy");
  }
  byId("copied").textContent = copied ? "Copied." : "Not copied: the text is selected, copy it with your keys.";
});
addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  take(file);
});
const surface = document.querySelector(".surface");
for (const type of ["dragover", "dragleave", "drop"])
  addEventListener(type, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return; // text goes into its field
    event.preventDefault();
    surface.classList.toggle("over", type === "dragover");
    if (type === "drop") take(event.dataTransfer.files[0]);
  });
begin();
