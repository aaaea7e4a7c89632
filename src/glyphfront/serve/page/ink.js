// Normalisation in the browser: digital ink and simple pictures to the 28x28 that models see.
// The same steps as glyphfront/picture/digital_ink.py and `framed` in normalize.py; docs/product.md says them in words.

const SIDE = 180, LEAST_RADIUS = 0.75, WIDTH = 0.1;
const FRAME = 26.8, MARGIN = 1.45, EDGE = 0.07, LEAST_STROKE = 1.5, MOST_STROKE = 0.3;

/** A mask: {width, height, data}, data 1 where there is ink. */
const mask = (width, height) => ({ width, height, data: new Uint8Array(width * height) });

/** The ink of strokes, lists of [x, y], its longer side SIDE pixels. */
export function drawn(strokes, width) {
  const points = strokes.flat();
  const low = [0, 1].map((axis) => points.reduce((least, point) => Math.min(least, point[axis]), Infinity));
  const high = [0, 1].map((axis) => points.reduce((most, point) => Math.max(most, point[axis]), -Infinity));
  const longer = Math.max(high[0] - low[0], high[1] - low[1]);
  const pen = width ?? (WIDTH * longer || 1);
  const scale = SIDE / (longer + pen), radius = Math.max((pen * scale) / 2, LEAST_RADIUS);
  const ink = mask(...[0, 1].map((axis) => Math.ceil((high[axis] - low[axis]) * scale + 2 * radius)));
  for (const stroke of strokes) {
    const placed = stroke.map((point) => point.map((n, axis) => (n - low[axis]) * scale + radius));
    const kept = [placed[0]];
    placed.forEach((point, number) => {
      const [dx, dy] = [point[0] - kept.at(-1)[0], point[1] - kept.at(-1)[1]];
      if (dx * dx + dy * dy >= 0.25 || (number && number === placed.length - 1)) kept.push(point);
    });
    if (kept.length === 1) kept.push(kept[0]);
    for (let k = 1; k < kept.length; k++) line(ink, kept[k - 1], kept[k], radius);
  }
  return ink;
}

function line(ink, [ax, ay], [bx, by], radius) {
  const x0 = Math.max(Math.floor(Math.min(ax, bx) - radius), 0), x1 = Math.min(Math.ceil(Math.max(ax, bx) + radius) + 1, ink.width);
  const y0 = Math.max(Math.floor(Math.min(ay, by) - radius), 0), y1 = Math.min(Math.ceil(Math.max(ay, by) + radius) + 1, ink.height);
  const dx = bx - ax, dy = by - ay, length = Math.max(dx * dx + dy * dy, 1e-12);
  for (let y = y0; y < y1; y++)
    for (let x = x0; x < x1; x++) {
      const px = x + 0.5 - ax, py = y + 0.5 - ay;
      const along = Math.min(Math.max((px * dx + py * dy) / length, 0), 1);
      if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius) ink.data[y * ink.width + x] = 1;
    }
}

/** What the model sees of a mask whose longer side is 176 pixels or more: 784 bytes. */
export function framed(given) {
  const ink = cropped(thickened(cropped(given)));
  const side = Math.max(ink.width, ink.height);
  const inked = FRAME / (1 + MARGIN * Math.min(strokeOf(ink) / side, MOST_STROKE));
  const perPixel = Math.max(Math.round(side / inked), 1), zoom = (perPixel * inked) / side, canvas = 28 * perPixel;
  const shift = [ink.width, ink.height].map((n) => (canvas - zoom * n) / 2 + (zoom - 1) / 2);
  let fine = new Float32Array(canvas * canvas);
  for (let y = 0; y < canvas; y++)
    for (let x = 0; x < canvas; x++) fine[y * canvas + x] = between(ink, (x - shift[0]) / zoom, (y - shift[1]) / zoom);
  const sigma = Math.max(EDGE * (28 - inked) * perPixel, 0.1);
  fine = blurred(transposed(blurred(fine, canvas, sigma), canvas), canvas, sigma); // transposed: turned back below
  const small = new Float32Array(784);
  for (let y = 0; y < canvas; y++)
    for (let x = 0; x < canvas; x++)
      small[Math.floor(x / perPixel) * 28 + Math.floor(y / perPixel)] += fine[y * canvas + x] / perPixel ** 2;
  const most = small.reduce((a, b) => Math.max(a, b));
  return Uint8Array.from(small, (value) => Math.round((255 * value) / most));
}

function cropped(ink) {
  let left = ink.width, right = -1, top = ink.height, bottom = -1;
  for (let y = 0; y < ink.height; y++)
    for (let x = 0; x < ink.width; x++)
      if (ink.data[y * ink.width + x]) {
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = y;
      }
  if (right < 0) throw new Error("the picture is empty: no ink stands out from the paper");
  const part = mask(right - left + 1, bottom - top + 1);
  for (let y = 0; y < part.height; y++)
    part.data.set(ink.data.subarray((y + top) * ink.width + left, (y + top) * ink.width + right + 1), y * part.width);
  return part;
}

function thickened(ink) {
  const grow = Math.round(((LEAST_STROKE / FRAME) * Math.max(ink.width, ink.height) - strokeOf(ink)) / 2);
  if (grow < 1) return ink;
  const grown = mask(ink.width + 2 * grow, ink.height + 2 * grow);
  for (let y = 0; y < ink.height; y++)
    for (let x = 0; x < ink.width; x++)
      if (ink.data[y * ink.width + x])
        for (let row = y; row <= y + 2 * grow; row++) grown.data.fill(1, row * grown.width + x, row * grown.width + x + 2 * grow + 1);
  return grown;
}

/** Mean width of the strokes: twice the area over the perimeter. */
function strokeOf(ink) {
  let area = 0, edges = 0;
  const at = (x, y) => (x < 0 || y < 0 || x >= ink.width || y >= ink.height ? 0 : ink.data[y * ink.width + x]);
  for (let y = 0; y <= ink.height; y++)
    for (let x = 0; x <= ink.width; x++) {
      area += at(x, y);
      edges += (at(x, y) !== at(x - 1, y)) + (at(x, y) !== at(x, y - 1));
    }
  return (2 * area) / ((edges * Math.PI) / 4);
}

function between(ink, x, y) {
  const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
  const at = (column, row) =>
    column < 0 || row < 0 || column >= ink.width || row >= ink.height ? 0 : ink.data[row * ink.width + column];
  return (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) + (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy;
}

/** Rows of a square image under a Gaussian. */
function blurred(image, side, sigma) {
  const reach = Math.max(Math.round(3 * sigma), 1), kernel = [];
  for (let k = -reach; k <= reach; k++) kernel.push(Math.exp(-(k * k) / (2 * sigma * sigma)));
  const sum = kernel.reduce((a, b) => a + b), found = new Float32Array(image.length);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      let total = 0;
      for (let k = Math.max(-reach, -x); k <= Math.min(reach, side - 1 - x); k++) total += image[y * side + x + k] * kernel[k + reach];
      found[y * side + x] = total / sum;
    }
  return found;
}

function transposed(image, side) {
  const found = new Float32Array(image.length);
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) found[x * side + y] = image[y * side + x];
  return found;
}
