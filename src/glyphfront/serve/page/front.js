// The models that can be chosen, by accuracy and time.

const NAMESPACE = "http://www.w3.org/2000/svg";

export function figuresOf(model) {
  const parts = [];
  if (model.accuracy) {
    const { correct, total, low, high } = model.accuracy;
    const percent = (share) => (100 * share).toFixed(1);
    parts.push(`${percent(correct / total)} % of ${total.toLocaleString("en")} test images right (95 % interval ${percent(low)} to ${percent(high)})`);
  }
  if (model.latency_us) parts.push(`${Math.round(model.latency_us)} µs an image here, normalisation not counted`);
  parts.push(`${(model.file_bytes / 1e6).toFixed(2)} MB`);
  return parts.join("; ");
}

/** Draw accuracy against time, the chosen model filled; nothing where there is nothing to choose from. */
export function drawFront(svg, models, chosen) {
  const drawn = models.filter((one) => one.accuracy && one.latency_us);
  svg.toggleAttribute("hidden", drawn.length < 2);
  if (drawn.length < 2) return svg.replaceChildren();
  const accuracy = (one) => one.accuracy.correct / one.accuracy.total;
  const x = scale(drawn.map((one) => Math.log(one.latency_us)), 24, 200), y = scale(drawn.map(accuracy), 74, 14);
  const axes = element("path", { d: "M10 4V84H236" });
  const points = drawn.flatMap((one) => {
    const at = [x(Math.log(one.latency_us)), y(accuracy(one))];
    const point = element("circle", { cx: at[0], cy: at[1], r: 4, class: one === chosen ? "chosen" : "" });
    const name = element("text", { x: at[0] + 6, y: at[1] + 9 });
    name.textContent = one.name;
    return [point, name];
  });
  const label = element("text", { x: 150, y: 94 });
  label.textContent = "time →  accuracy ↑";
  svg.replaceChildren(axes, ...points, label);
}

function scale(values, from, to) {
  const low = Math.min(...values), span = Math.max(...values) - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function element(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
