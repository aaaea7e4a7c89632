// An answer as people see it: the character, its bars, what the model saw; or a page's text and boxes.

const byId = (id) => document.getElementById(id);

/** Show what a recogniser told, {error} for a fault; null before there is any ink, "reading" while it is waited for. */
export function show(told, readsPages) {
  const predictions = told?.predictions ?? [];
  byId("character").textContent = told?.character ?? "\u00a0";
  byId("seen").hidden = !told?.image;
  if (told?.image) byId("seen").src = told.image;
  byId("told").classList.toggle("fault", Boolean(told?.error));
  byId("told").textContent = inWords(told);
  byId("readPage").hidden = !(told?.reason && readsPages);
  byId("bars").replaceChildren(...predictions.slice(0, 5).map(bar));
  byId("text").hidden = told?.text === undefined;
  byId("copied").textContent = "";
  document.querySelector(".first").hidden = told?.text !== undefined;
  byId("lines").value = textOf(told);
  byId("lines").rows = Math.min(Math.max(byId("lines").value.split("\n").length, 3), 12);
  byId("boxes").replaceChildren(...(told?.lines ? boxesOf(told) : []));
  document.documentElement.dataset.answer = predictions.length ? told.character : told?.text ?? "";
}

/** The text of a page; of one with fields a line for each, as the command line prints them. */
function textOf(told) {
  if (!told?.fields?.length) return told?.text ?? "";
  return told.fields.map(({ name, text }) => `${name}: ${text.replaceAll("\n", " ")}`).join("\n");
}

function inWords(told) {
  if (!told) return "No ink yet.";
  if (told === "reading") return "Reading…";
  if (told.error) return told.error;
  const time = `${told.milliseconds < 10 ? told.milliseconds.toFixed(1) : Math.round(told.milliseconds)} ms`;
  if (told.text !== undefined) {
    const count = told.lines.length === 1 ? "1 line" : `${told.lines.length} lines`;
    return [`${count} in ${time}`, told.note].filter(Boolean).join("; ");
  }
  const [first] = told.predictions;
  const answer = told.reason
    ? `Not one character, it seems: ${told.reason.split(":")[0]}. The likeliest is ${first.character}`
    : `${told.character}, ${percent(first.probability)}`;
  return `${answer}${told.alike?.length ? `, or ${told.alike.join(", ")}` : ""}; ${time}`;
}

function percent(share) {
  if (share >= 0.9995) return "> 99.9 %"; // no answer is certain
  return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function bar(guess) {
  const item = document.createElement("li"), fill = document.createElement("div");
  fill.className = "bar";
  fill.style.width = `${100 * guess.probability}%`;
  item.append(fill, ...[guess.character, percent(guess.probability)].map(span));
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
