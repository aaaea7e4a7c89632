// The models and precisions that can be chosen, and the front of accuracy and time in which the choice is marked.

const NAMESPACE = "http://www.w3.org/2000/svg";
const LEFT = 44, RIGHT = 340, TOP = 12, BOTTOM = 132;
const byId = (id) => document.getElementById(id);
const shareOf = ({ correct, total }) => correct / total;
const took = (us) => (us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(1)} ms`);
const percent = (share) => (100 * share).toFixed(1);

/** A model and a precision, chosen by list and buttons or in the picture. */
export class Choice {
  #models = []; #changed; #precision;

  constructor(changed) {
    this.#changed = changed;
    byId("model").addEventListener("change", () => this.#choose());
    byId("precisions").addEventListener("change", ({ target }) => {
      this.#precision = target.value;
      this.#choose();
    });
  }

  /** Take what there is, the default first. */
  offer(models) {
    this.#models = models;
    const names = new Map([...models].sort((one, other) => one.macs - other.macs).map((one) => [one.name, one]));
    byId("model").replaceChildren(...[...names.keys()].map((name) => new Option(name, name)));
    byId("model").value = models[0].name;
    this.#show();
  }

  /** Name and precision that are asked for. */
  options() {
    const model = this.#chosen();
    return model ? { model: model.name, precision: model.precision } : {};
  }

  /** Tell figures again: a browser that computes has timed itself. */
  timed() {
    byId("figures").textContent = figuresOf(this.#chosen());
  }

  #chosen() {
    const named = this.#models.filter((one) => one.name === byId("model").value);
    return named.find((one) => one.precision === this.#precision) ?? named[0];
  }

  #choose() {
    this.#show();
    this.#changed();
  }

  #show() {
    const chosen = this.#chosen(), named = this.#models.filter((one) => one.name === chosen.name);
    const focused = byId("precisions").contains(document.activeElement);
    byId("precisions").replaceChildren(byId("precisions").firstElementChild, ...named.map((one) => button(one, chosen)));
    byId("precisions").hidden = named.length < 2;
    if (focused) byId("precisions").querySelector("input:checked").focus();
    this.timed();
    drawFront(byId("front"), this.#models, chosen, (model) => {
      byId("model").value = model.name;
      this.#precision = model.precision;
      this.#choose();
    });
  }
}

function button({ precision }, chosen) {
  const label = document.createElement("label"), input = document.createElement("input"), text = document.createElement("span");
  Object.assign(input, { type: "radio", name: "precision", value: precision, checked: precision === chosen.precision });
  text.textContent = precision;
  label.append(input, text);
  return label;
}

export function figuresOf(model) {
  const parts = [];
  if (model.accuracy) {
    const { low, high, total } = model.accuracy;
    const images = `${total.toLocaleString("en")} test images right (95 % interval ${percent(low)} to ${percent(high)})`;
    parts.push(`${percent(shareOf(model.accuracy))} % of ${images}`);
  }
  if (model.latency_us) parts.push(`${took(model.latency_us)} an image ${model.latency_where}`);
  if (model.browser_us) parts.push(`${took(model.browser_us)} in this browser`);
  if (model.latency_us || model.browser_us) parts.push("normalisation not counted");
  parts.push(model.precision, `${(model.file_bytes / 1e6).toFixed(2)} MB`);
  return parts.join("; ");
}

/** Draw accuracy against time, the chosen model filled; nothing where there is nothing to choose from. */
export function drawFront(svg, models, chosen, choose) {
  const drawn = models.filter((one) => one.accuracy && one.latency_us);
  svg.toggleAttribute("hidden", drawn.length < 2);
  if (drawn.length < 2) return svg.replaceChildren();
  const times = drawn.map((one) => Math.log(one.latency_us));
  const x = scale(Math.min(...times), Math.max(...times), LEFT + 14, RIGHT - 14);
  const low = Math.min(...drawn.map((one) => one.accuracy.low)), high = Math.max(...drawn.map((one) => one.accuracy.high));
  const y = scale(low, high, BOTTOM - 6, TOP + 4);
  const place = (one) => [x(Math.log(one.latency_us)), y(shareOf(one.accuracy))];
  const best = drawn.filter((one) => !drawn.some((other) => other !== one && isBetter(other, one)));
  best.sort((one, other) => one.latency_us - other.latency_us);
  svg.replaceChildren(
    element("path", { d: `M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}` }),
    ...[low, high].map((share) => text(`${percent(share)} %`, LEFT - 4, y(share) + 4, "end")),
    ...ticks(...[Math.min, Math.max].map((of) => Math.exp(of(...times)))).map((us) => text(us.toLocaleString("en"), x(Math.log(us)), BOTTOM + 14, "middle")),
    text("µs an image", RIGHT, BOTTOM + 32, "end"),
    text("○ fp32  ◇ int8", LEFT, BOTTOM + 32, "start"),
    element("path", { class: "best", d: best.map((one, k) => `${k ? "L" : "M"}${place(one)}`).join("") }),
    ...drawn.map((one) => element("path", { d: `M${place(one)[0]} ${y(one.accuracy.low)}V${y(one.accuracy.high)}` })),
    ...[...drawn.filter((one) => one !== chosen), ...drawn.filter((one) => one === chosen)].map((one) => mark(one, chosen, place(one), choose)),
    ...drawn.filter((one) => one === chosen || !drawn.some((other) => other.name === one.name && (other === chosen || other.latency_us > one.latency_us))).map((one) =>
      text(one.name.replace(/^glyphnet-/, ""), place(one)[0] + 9, place(one)[1] + (one === chosen ? -9 : 14), "start", one === chosen ? "chosen" : "")),
  );
}

function isBetter(one, other) {
  const [right, wrong] = [shareOf(one.accuracy), shareOf(other.accuracy)];
  return one.latency_us <= other.latency_us && right >= wrong && (one.latency_us < other.latency_us || right > wrong);
}

/** 1, 2 or 5 times a power of ten, between two times; those themselves where there are fewer than two. */
function ticks(from, to) {
  const found = [1, 10, 100, 1000, 10000].flatMap((power) => [1, 2, 5].map((n) => n * power)).filter((us) => us >= from && us <= to);
  return found.length > 1 ? found : [Math.round(from), Math.round(to)];
}

function mark(one, chosen, [x, y], choose) {
  const shape = one.precision === "int8"
    ? element("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z` })
    : element("circle", { cx: x, cy: y, r: 5 });
  shape.setAttribute("class", one === chosen ? "mark chosen" : "mark");
  shape.append(element("title", {}));
  shape.firstChild.textContent = `${one.name} ${one.precision}: ${percent(shareOf(one.accuracy))} %, ${Math.round(one.latency_us)} µs`;
  shape.addEventListener("click", () => choose(one));
  return shape;
}

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function text(content, x, y, anchor, kind = "") {
  const made = element("text", { x, y, "text-anchor": anchor, class: kind });
  made.textContent = content;
  return made;
}

function element(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
