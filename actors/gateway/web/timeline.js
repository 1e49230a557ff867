// The micro-turn timeline: what each 200 ms held, drawn on a canvas.

const lanes = ["You", "Machine", "Work", "Compute"];

/** What happened, on the session's clock, and a view of it that follows or stays. */
export class Timeline {
  constructor(canvas, budgetMs = 200) {
    this.canvas = canvas;
    this.budgetMs = budgetMs;
    this.onHear = () => {};
    this.onView = () => {};
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("click", (e) => {
      const box = canvas.getBoundingClientRect();
      this.onHear(this.msAt(e.clientX - box.left));
    });
    canvas.addEventListener("keydown", (e) => this.key(e));
    canvas.addEventListener("wheel", (e) => {
      if (!e.shiftKey && Math.abs(e.deltaX) <= Math.abs(e.deltaY)) return;
      e.preventDefault();
      this.scroll(((e.deltaX || e.deltaY) / 500) * this.spanMs);
    }, { passive: false });
  }

  clear() {
    this.levels = [];   // {ms, level} of the person, 40 ms apart
    this.turns = [];    // micro-turns of the model
    this.words = [];    // {who, ms, text}
    this.work = new Map(); // delegations by id
    this.nowMs = 0;
    this.fromMs = 0;
    this.spanMs = 12000;
    this.isFollowing = true;
    this.draw();
  }

  keep(list, entry) {
    list.push(entry);
    if (list.length > 50000) list.splice(0, 10000);
  }
  level(ms, level) { this.keep(this.levels, { ms, level }); }
  turn(t) { this.keep(this.turns, t); }
  word(who, ms, text) { this.keep(this.words, { who, ms, text }); }
  delegated(id, ms, task) { this.work.set(id, { ms, task, tools: [], end: null, answer: "" }); }
  tool(id, ms, name, outcome) { this.work.get(id)?.tools.push({ ms, name, outcome }); }
  result(id, ms, text) {
    const w = this.work.get(id);
    if (w) Object.assign(w, { end: ms, answer: text });
  }
  advance(ms) {
    this.nowMs = Math.max(this.nowMs, ms);
    if (this.isFollowing) this.fromMs = Math.max(0, this.nowMs - this.spanMs * 0.92);
    this.draw();
  }

  // --- the view
  msAt(x) { return this.fromMs + ((x - this.left) / (this.width - this.left)) * this.spanMs; }
  xAt(ms) { return this.left + ((ms - this.fromMs) / this.spanMs) * (this.width - this.left); }
  follow(on) { this.isFollowing = on; this.advance(this.nowMs); this.onView(); }
  scroll(ms) {
    this.isFollowing = false;
    this.fromMs = Math.max(0, Math.min(this.nowMs, this.fromMs + ms));
    this.draw();
    this.onView();
  }
  zoom(by) {
    const right = this.fromMs + this.spanMs;
    this.spanMs = Math.max(2000, Math.min(600000, this.spanMs * by));
    if (!this.isFollowing) this.fromMs = Math.max(0, right - this.spanMs);
    this.advance(this.nowMs);
    this.onView();
  }
  key(e) {
    const moves = { ArrowLeft: -0.2, ArrowRight: 0.2, PageUp: -0.9, PageDown: 0.9 };
    if (e.key in moves) this.scroll(moves[e.key] * this.spanMs);
    else if (e.key === "+" || e.key === "=") this.zoom(0.7);
    else if (e.key === "-") this.zoom(1.4);
    else if (e.key === "End") this.follow(true);
    else if (e.key === "Home") this.scroll(-1e12);
    else if (e.key === "Enter") this.onHear(this.fromMs);
    else return;
    e.preventDefault();
  }

  /** What is to be seen, in words: for who does not see it. */
  describe() {
    const to = this.fromMs + this.spanMs;
    const inView = (ms) => ms >= this.fromMs && ms < to;
    const said = (who) => this.words.filter((w) => w.who === who && inView(w.ms)).map((w) => w.text).join(" ") || "nothing";
    const turns = this.turns.filter((t) => inView(t.start_ms));
    const most = Math.max(0, ...turns.map((t) => t.compute_ms));
    return `From ${(this.fromMs / 1000).toFixed(1)} to ${(Math.min(to, this.nowMs) / 1000).toFixed(1)} s. ` +
      `You: ${said("you")}. Machine: ${said("model")}. Slowest micro-turn: ${most.toFixed(0)} of ${this.budgetMs} ms.`;
  }

  draw() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.paint();
    });
  }

  paint() {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    if (!this.width) return;
    if (canvas.width !== Math.round(this.width * ratio) || canvas.height !== Math.round(this.height * ratio)) {
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(this.height * ratio);
    }
    this.left = 64;
    const c = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const color = (name) => style.getPropertyValue("--" + name);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = color("card");
    c.fillRect(0, 0, this.width, this.height);
    c.font = "12px system-ui, sans-serif";
    const bottom = this.height - 18, lane = bottom / lanes.length;
    this.grid(c, color, bottom, lane);
    c.save();
    c.beginPath();
    c.rect(this.left, 0, this.width - this.left, bottom);
    c.clip();
    const to = this.fromMs + this.spanMs;
    const inView = (ms, length = 0) => ms + length >= this.fromMs && ms < to;
    const wide = Math.max(1, this.xAt(this.fromMs + 40) - this.left - 0.5);
    c.fillStyle = color("you");
    for (const l of this.levels) {
      if (!inView(l.ms, 40)) continue;
      const h = l.level * (lane - 22);
      c.fillRect(this.xAt(l.ms), lane - 3 - h, wide, h);
    }
    for (const t of this.turns) {
      if (!inView(t.start_ms, 200)) continue;
      const quarter = (this.xAt(t.start_ms + 50) - this.xAt(t.start_ms));
      const level = Math.max(0.08, 1 + t.model_dbfs / 60);
      c.fillStyle = color("model");
      t.gates.forEach((open, i) => {
        if (!open) return;
        const h = level * (lane - 22);
        c.fillRect(this.xAt(t.start_ms + 50 * i), 2 * lane - 3 - h, Math.max(1, quarter - 0.5), h);
      });
      const used = Math.min(1.2, t.compute_ms / this.budgetMs);
      c.fillStyle = color(used > 1 ? "bad" : "cost");
      const h = used * (lane - 20);
      c.fillRect(this.xAt(t.start_ms), bottom - 2 - h, Math.max(1, 4 * quarter - 1), h);
    }
    this.paintWork(c, color, lane, inView);
    this.paintWords(c, color, lane, inView);
    c.restore();
  }

  grid(c, color, bottom, lane) {
    const steps = [200, 1000, 2000, 5000, 10000, 30000, 60000, 120000];
    const step = steps.find((s) => (s / this.spanMs) * (this.width - this.left) > 48) ?? 120000;
    c.strokeStyle = color("grid");
    c.fillStyle = color("soft");
    c.lineWidth = 1;
    for (let ms = Math.ceil(this.fromMs / step) * step; ms < this.fromMs + this.spanMs; ms += step) {
      const x = Math.round(this.xAt(ms)) + 0.5;
      c.beginPath(); c.moveTo(x, 0); c.lineTo(x, bottom); c.stroke();
      c.fillText(ms % 1000 ? (ms / 1000).toFixed(1) : ms / 1000 + " s", x + 2, this.height - 5);
    }
    lanes.forEach((name, i) => {
      c.fillStyle = color("ink");
      c.fillText(name, 6, i * lane + 16);
      c.beginPath(); c.moveTo(0, Math.round((i + 1) * lane) + 0.5); c.lineTo(this.width, Math.round((i + 1) * lane) + 0.5); c.stroke();
    });
    c.strokeStyle = color("bad");
    c.setLineDash([3, 3]);
    const y = Math.round(bottom - 2 - (lane - 20)) + 0.5;
    c.beginPath(); c.moveTo(this.left, y); c.lineTo(this.width, y); c.stroke();
    c.setLineDash([]);
    c.fillStyle = color("soft");
    c.fillText(this.budgetMs + " ms", 6, y + 14);
  }

  paintWords(c, color, lane, inView) {
    const ends = { you: -1e9, model: -1e9 };
    for (const w of this.words) {
      if (!inView(w.ms, 2000)) continue;
      const x = Math.max(this.xAt(w.ms), ends[w.who] + 4);
      c.fillStyle = color("ink");
      c.fillText(w.text, x, (w.who === "you" ? 0 : lane) + 14);
      ends[w.who] = x + c.measureText(w.text).width;
    }
  }

  paintWork(c, color, lane, inView) {
    let row = 0;
    for (const w of this.work.values()) {
      const end = w.end ?? this.nowMs;
      if (!inView(w.ms, end - w.ms)) continue;
      const y = 2 * lane + 6 + (row++ % 2) * ((lane - 8) / 2), h = (lane - 12) / 2;
      const x = this.xAt(w.ms);
      c.fillStyle = color("work");
      c.fillRect(x, y, Math.max(2, this.xAt(end) - x), 3);
      for (const t of w.tools) {
        c.fillStyle = color(t.outcome === "ok" || !t.outcome ? "work" : "bad");
        c.fillRect(this.xAt(t.ms), y, 2, h);
      }
      c.fillStyle = color("ink");
      const tools = w.tools.length ? ` [${[...new Set(w.tools.map((t) => t.name))].join(", ")}]` : "";
      c.fillText(w.task + tools + (w.answer ? " → " + w.answer : ""), Math.max(x, this.left) + 4, y + 15);
    }
  }
}
