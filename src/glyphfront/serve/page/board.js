// A board that is drawn on with mouse, finger, pen or keys; its strokes are lists of [x, y] in units of SIDE.

export const SIDE = 320;

export class Board extends EventTarget {
  strokes = [];
  width = 22;
  #canvas; #pen = null; #cursor = [SIDE / 2, SIDE / 2]; #down = false; #keyed = false;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#end(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => { this.#keyed = canvas.matches(":focus-visible"); this.draw(); });
    canvas.addEventListener("blur", () => this.#lift());
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  undo() {
    this.#down = false;
    this.strokes.pop();
    this.#changed();
  }

  clear() {
    this.#down = false;
    this.strokes = [];
    this.#changed();
  }

  draw() {
    const canvas = this.#canvas, side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const on = canvas.getContext("2d"), ink = getComputedStyle(canvas).color;
    on.setTransform(side / SIDE, 0, 0, side / SIDE, 0, 0);
    on.clearRect(0, 0, SIDE, SIDE);
    on.strokeStyle = ink;
    on.lineWidth = this.width;
    on.lineCap = on.lineJoin = "round";
    for (const stroke of this.strokes) {
      on.beginPath();
      on.moveTo(...stroke[0]);
      for (const point of stroke) on.lineTo(...point);
      on.stroke();
    }
    if (!this.#keyed || document.activeElement !== canvas) return;
    const [x, y] = this.#cursor;
    on.lineWidth = 2;
    on.strokeStyle = getComputedStyle(canvas).getPropertyValue("--accent");
    on.beginPath();
    on.arc(x, y, this.width / 2 + (this.#down ? 0 : 4), 0, 7);
    on.moveTo(x - 4, y);
    on.lineTo(x + 4, y);
    on.moveTo(x, y - 4);
    on.lineTo(x, y + 4);
    on.stroke();
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect(), scale = SIDE / box.width;
    return [event.clientX - box.left, event.clientY - box.top].map((n) => Math.round(n * scale * 10) / 10);
  }

  #begin(event) {
    if (this.#pen !== null || event.button !== 0) return;
    this.#lift();
    this.#keyed = false;
    this.#pen = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.strokes.push([this.#at(event)]);
    this.dispatchEvent(new Event("begun"));
    this.draw();
  }

  #move(event) {
    if (event.pointerId !== this.#pen) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) this.strokes.at(-1).push(this.#at(one));
    this.draw();
  }

  #end(event) {
    if (event.pointerId !== this.#pen) return;
    this.#pen = null;
    this.#changed();
  }

  #key(event) {
    if (event.altKey || event.metaKey || (event.ctrlKey && event.key !== "z")) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in steps) this.#step(steps[event.key], event.shiftKey ? 40 : 10);
    else if (event.key === " ") this.#down ? this.#lift() : this.#set();
    else if (event.key === "z" || event.key === "Z") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    this.#keyed = true;
    this.draw();
  }

  #step(direction, length) {
    this.#cursor = this.#cursor.map((n, axis) => Math.min(Math.max(n + direction[axis] * length, 0), SIDE));
    if (this.#down) this.strokes.at(-1).push([...this.#cursor]);
  }

  #set() {
    this.#down = true;
    this.strokes.push([[...this.#cursor]]);
    this.dispatchEvent(new Event("begun"));
  }

  #lift() {
    if (!this.#down) return this.draw();
    this.#down = false;
    this.#changed();
  }

  #changed() {
    this.draw();
    this.dispatchEvent(new Event("changed"));
  }
}
