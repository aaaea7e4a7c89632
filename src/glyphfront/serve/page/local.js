// Recognition inside the browser, with ONNX Runtime's web package beside the page; nothing is sent anywhere.

import * as ort from "./ort/ort.wasm.min.mjs";
import { alphabetOf } from "./alphabet.js";
import { drawn, framed } from "./ink.js";
import { doubtAbout, inkOf, pixelsOf } from "./photo.js";

const ALIKE = ["0O", "1Il7", "5S", "2Z", "9gq", "8B", "uvUV"]; // as in ship/alphabet.py

ort.env.wasm.wasmPaths = new URL("ort/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that few web hosts send

const listed = fetch("models.json").then((answer) => answer.json());
const sessions = new Map();

export const where = "It is recognised inside this browser; nothing is sent.";

export const models = async () => (await listed).models;

export const strokes = (points, width, options) => answer(() => drawn(points, width), options);

export const prepared = pixelsOf;

export const picture = (pixels, options) => answer(() => inkOf(pixels), options);

async function answer(see, { model, precision, alphabet }) {
  const told = await listed;
  const described = told.models.find((one) => one.name === model && one.precision === (precision ?? one.precision));
  const session = await sessionOf(described);
  const allowed = alphabetOf(alphabet, described, told.alphabets);
  const began = performance.now();
  const ink = see(), image = framed(ink), reason = doubtAbout(ink);
  const { probability } = await session.run(feed(image));
  const predictions = restricted(probability.data, allowed, described.temperature);
  const milliseconds = performance.now() - began;
  const character = reason ? "?" : predictions[0].character;
  return { character, predictions: predictions.slice(0, 5), reason, alike: alikeOf(predictions), milliseconds, image: url(image) };
}

const feed = (image) => ({ image: new ort.Tensor("uint8", image, [1, 28, 28]) });

/** A session, opened once; how long an image takes in it is added to what is told of the model. */
function sessionOf(described) {
  if (!sessions.has(described.file)) sessions.set(described.file, opened(described));
  return sessions.get(described.file);
}

async function opened(described) {
  const session = await ort.InferenceSession.create(described.file);
  const times = [], ends = performance.now() + 400;
  while (performance.now() < ends || times.length < 6) {
    const began = performance.now();
    for (let image = 0; image < 4; image++) await session.run(feed(new Uint8Array(784))); // the clock is coarse
    times.push((performance.now() - began) / 4);
  }
  const warm = times.slice(Math.floor(times.length / 3)).sort((one, other) => one - other);
  described.browser_us = 1000 * warm[Math.floor(warm.length / 2)];
  return session;
}

/** Other characters that are written like the first, where the model wavers: as `answer_image` in ship/recognizer.py. */
function alikeOf([first, ...others]) {
  const group = ALIKE.filter((one) => one.includes(first.character)).join("");
  return others.filter((one) => group.includes(one.character) && one.probability > 0.05).map((one) => one.character);
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
