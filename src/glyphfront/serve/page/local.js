// Recognition inside the browser, with ONNX Runtime's web package beside the page; nothing is sent anywhere.

import * as ort from "./ort/ort.wasm.min.mjs";
import { drawn, framed } from "./ink.js";
import { inkOf, pixelsOf } from "./photo.js";

ort.env.wasm.wasmPaths = new URL("ort/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that few web hosts send

const listed = fetch("models.json").then((answer) => answer.json());
const sessions = new Map();

export const readsPages = false;

export const models = async () => (await listed).models;

export const strokes = (points, width, options) => answer(() => framed(drawn(points, width)), options);

export async function picture(file, options) {
  const pixels = await pixelsOf(file);
  return answer(() => framed(inkOf(pixels)), options);
}

async function answer(see, { model, alphabet }) {
  const described = (await listed).models.find((one) => one.name === model);
  if (!sessions.has(model)) sessions.set(model, ort.InferenceSession.create(`models/${model}.onnx`));
  const session = await sessions.get(model);
  const allowed = await alphabetOf(alphabet, described.classes);
  const began = performance.now();
  const image = see();
  const { probability } = await session.run({ image: new ort.Tensor("uint8", image, [1, 28, 28]) });
  const predictions = restricted(probability.data, allowed, described.temperature);
  const milliseconds = performance.now() - began;
  return { character: predictions[0].character, predictions: predictions.slice(0, 5), milliseconds, image: url(image), alike: [] };
}

/** The characters that an alphabet asks for, and the output of each: as `alphabet_of` in ship/alphabet.py. */
async function alphabetOf(given, classes) {
  if (!given) return classes.map((character, output) => [character, output]);
  const { alphabets } = await listed;
  const answered = new Map();
  for (const term of given.split("+").filter(Boolean)) {
    const named = alphabets[term.toLowerCase()];
    for (const character of named ?? ranges(term)) {
      const swapped = character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase();
      const output = [character, swapped].map((one) => classes.indexOf(one)).find((at) => at >= 0);
      if (output === undefined && !named) throw new Error(`the model cannot write ${character}`);
      if (output !== undefined && (!answered.has(output) || character === classes[output])) answered.set(output, character);
    }
  }
  if (!answered.size) throw new Error("the alphabet is empty");
  return [...answered].map(([output, character]) => [character, output]);
}

function ranges(term) {
  return term.replace(/(.)-(.)/gu, (all, first, last) => {
    const [from, to] = [first, last].map((one) => one.codePointAt(0));
    return to < from || to - from > 500 ? all : String.fromCodePoint(...Array.from({ length: to - from + 1 }, (_, k) => from + k));
  });
}

function restricted(row, allowed, temperature) {
  const odds = allowed.map(([, output]) => Math.max(row[output], 1.1754944e-38) ** (1 / (temperature ?? 1)));
  const sum = odds.reduce((a, b) => a + b);
  return allowed
    .map(([character], at) => ({ character, probability: odds[at] / sum }))
    .sort((one, other) => other.probability - one.probability);
}

function url(image) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const on = canvas.getContext("2d"), pixels = on.createImageData(28, 28);
  image.forEach((tone, at) => pixels.data.set([tone, tone, tone, 255], 4 * at));
  on.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}
