// The ink of a picture of one character by one threshold, for pages without a service, which sees more than this.

const WORK = 256, FINE = 180, SPECK = 0.03, LEAST_CONTRAST = 8;

/** A mask whose longer side of ink is FINE pixels, from ImageData. */
export function inkOf({ width, height, data }) {
  const gray = new Float32Array(width * height);
  for (let k = 0; k < gray.length; k++) {
    const alpha = data[4 * k + 3] / 255;
    gray[k] = (0.299 * data[4 * k] + 0.587 * data[4 * k + 1] + 0.114 * data[4 * k + 2]) * alpha + 255 * (1 - alpha);
  }
  const level = otsu(gray);
  const rim = [];
  for (let x = 0; x < width; x++) rim.push(gray[x], gray[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) rim.push(gray[y * width], gray[(y + 1) * width - 1]);
  const inkIsLight = rim.filter((tone) => tone > level).length < rim.length / 2;
  const kept = withoutSpecks(Uint8Array.from(gray, (tone) => tone > level === inkIsLight), width, height);
  return enlarged(gray, kept, width, height, level, inkIsLight);
}

/** A picture as ImageData of at most WORK pixels a side. */
export async function pixelsOf(file) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new Error("not a picture that this browser reads; give a PNG or JPEG");
  }
  const scale = Math.min(WORK / Math.max(image.width, image.height), 1);
  const canvas = new OffscreenCanvas(Math.max(Math.round(image.width * scale), 1), Math.max(Math.round(image.height * scale), 1));
  const on = canvas.getContext("2d", { willReadFrequently: true });
  on.imageSmoothingQuality = "high";
  on.drawImage(image, 0, 0, canvas.width, canvas.height);
  return on.getImageData(0, 0, canvas.width, canvas.height);
}

/** The tone that parts two classes best (Otsu 1979, doi:10.1109/TSMC.1979.4310076). */
function otsu(gray) {
  const counts = new Float64Array(256);
  for (const tone of gray) counts[Math.round(tone)]++;
  let sum = 0, below = 0, sumBelow = 0, best = -1, first = 0, last = 0, low = 255, high = 0;
  counts.forEach((count, tone) => {
    sum += count * tone;
    if (count) [low, high] = [Math.min(low, tone), Math.max(high, tone)];
  });
  if (high - low < LEAST_CONTRAST) throw new Error("the picture is empty: no ink stands out from the paper");
  for (let tone = 0; tone < 255; tone++) {
    below += counts[tone];
    sumBelow += counts[tone] * tone;
    const above = gray.length - below;
    if (!below || !above) continue;
    const variance = below * above * ((sum - sumBelow) / above - sumBelow / below) ** 2;
    if (variance > best * (1 + 1e-9)) [best, first, last] = [variance, tone, tone];
    else if (variance >= best * (1 - 1e-9)) last = tone;
  }
  return (first + last) / 2;
}

/** The 8-connected parts of a mask: number of pixels, box, and the pixels' places. */
function partsOf(ink, width, height) {
  const seen = new Uint8Array(ink.length), parts = [];
  for (let start = 0; start < ink.length; start++) {
    if (!ink[start] || seen[start]) continue;
    const places = [start], part = { left: width, right: -1, top: height, bottom: -1, places };
    seen[start] = 1;
    for (const at of places) {
      const x = at % width, y = (at - x) / width;
      [part.left, part.right] = [Math.min(part.left, x), Math.max(part.right, x)];
      [part.top, part.bottom] = [Math.min(part.top, y), Math.max(part.bottom, y)];
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++)
        for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
          const next = row * width + column;
          if (!ink[next] || seen[next]) continue;
          seen[next] = 1;
          places.push(next);
        }
    }
    part.size = places.length;
    parts.push(part);
  }
  return parts;
}

function withoutSpecks(ink, width, height) {
  const parts = partsOf(ink, width, height), kept = new Uint8Array(ink.length);
  const least = SPECK * Math.max(...parts.map((part) => part.size));
  for (const part of parts) if (part.size >= least) for (const at of part.places) kept[at] = 1;
  return kept;
}

/** The kept ink, read between pixels so that its edge stays smooth. */
function enlarged(gray, kept, width, height, level, inkIsLight) {
  let left = width, right = -1, top = height, bottom = -1;
  kept.forEach((one, at) => {
    if (!one) return;
    const x = at % width, y = Math.floor(at / width);
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  const wide = right - left + 1, tall = bottom - top + 1, scale = FINE / Math.max(wide, tall);
  const found = { width: Math.max(Math.round(wide * scale), 1), height: Math.max(Math.round(tall * scale), 1) };
  found.data = new Uint8Array(found.width * found.height);
  const near = (x, y) => {
    for (let row = y - 1; row <= y + 1; row++)
      for (let column = x - 1; column <= x + 1; column++)
        if (row >= 0 && column >= 0 && row < height && column < width && kept[row * width + column]) return true;
    return false;
  };
  const depth = (x, y) => {
    if (x < 0 || y < 0 || x >= width || y >= height || !near(x, y)) return -Math.abs(255 - level);
    return inkIsLight ? gray[y * width + x] - level : level - gray[y * width + x];
  };
  for (let row = 0; row < found.height; row++)
    for (let column = 0; column < found.width; column++) {
      const x = left + (column + 0.5) / scale - 0.5, y = top + (row + 0.5) / scale - 0.5;
      const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
      const value = (depth(x0, y0) * (1 - fx) + depth(x0 + 1, y0) * fx) * (1 - fy) + (depth(x0, y0 + 1) * (1 - fx) + depth(x0 + 1, y0 + 1) * fx) * fy;
      if (value > 0) found.data[row * found.width + column] = 1;
    }
  return found;
}

/** Why ink may not be one character; null where nothing speaks against it: as `parts_side_by_side` in picture/doubt.py. */
export function doubtAbout({ width, height, data }) {
  if (width < 1.25 * height) return null;
  const groups = [];
  for (const [left, right] of partsOf(data, width, height)
    .filter((part) => part.bottom - part.top + 1 > 0.45 * height && part.size > 0.01 * data.length)
    .map((part) => [part.left, part.right + 1])
    .sort(([one], [other]) => one - other)) {
    const last = groups.at(-1);
    if (last && left < last[1] - 0.1 * height) last[1] = Math.max(last[1], right);
    else groups.push([left, right]);
  }
  return groups.length > 1 ? `${groups.length} parts side by side` : null;
}
