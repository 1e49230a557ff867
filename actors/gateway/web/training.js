// A run that trains: losses over steps, versions with their cards, gates, when each was taken.

const ns = "http://www.w3.org/2000/svg";
const svg = (tag, attributes, text) => {
  const e = document.createElementNS(ns, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text !== undefined) e.textContent = text;
  return e;
};
const el = (tag, text, className) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: className ?? "" });
const number = (v) => (!Number.isFinite(v) ? "" : Number.isInteger(v) || Math.abs(v) >= 100 ? Math.round(v).toString() : v.toPrecision(3));

export class TrainingView {
  constructor(into) { this.into = into; }

  show(t) {
    const { curve = [], adapters = [], evaluations = [], swaps = [] } = t;
    const last = curve.at(-1);
    const said = curve.length
      ? `${curve.length} rows; step ${number(last.step)}, loss ${number(last.loss)}` : "No losses yet.";
    const text = JSON.stringify(t);
    if (text === this.text) return;
    this.text = text;
    this.into.replaceChildren(el("p", said, "hint"), ...(curve.length > 1 ? [this.plot(curve, swaps)] : []),
      ...(evaluations.length ? [this.gates(evaluations)] : []), ...this.versions(adapters, swaps));
  }

  /** Losses over the steps; where a version was taken over, a line. */
  plot(curve, swaps) {
    const w = 560, h = 190, left = 46, bottom = 24;
    const x = curve.every((r) => "at_s" in r) && swaps.length ? "at_s" : "step";
    const columns = ["loss", "validation"].filter((c) => curve.some((r) => Number.isFinite(r[c])));
    const most = Math.max(1e-9, ...curve.flatMap((r) => columns.map((c) => r[c]).filter(Number.isFinite)));
    const x0 = curve[0][x] ?? 0, x1 = Math.max(curve.at(-1)[x] ?? 1, x0 + 1e-9);
    const atX = (v) => left + (w - left - 8) * (v - x0) / (x1 - x0), atY = (v) => 8 + (h - 8 - bottom) * (1 - v / most);
    const picture = svg("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", class: "plot",
      "aria-label": `Loss from ${number(curve[0].loss)} to ${number(curve.at(-1).loss)}` });
    for (let i = 0; i <= 4; ++i) {
      const v = most * i / 4;
      picture.append(svg("line", { x1: left, x2: w - 8, y1: atY(v), y2: atY(v), class: "grid" }),
        svg("text", { x: left - 6, y: atY(v) + 4, "text-anchor": "end" }, number(v)));
    }
    picture.append(svg("text", { x: w - 8, y: h - 6, "text-anchor": "end" }, `${x === "step" ? "step" : "s"} ${number(x1)}`));
    columns.forEach((c, i) => {
      const points = curve.filter((r) => Number.isFinite(r[c])).map((r) => `${atX(r[x]).toFixed(1)},${atY(r[c]).toFixed(1)}`);
      picture.append(svg("polyline", { points: points.join(" "), class: c }),
        svg("text", { x: w - 170 + i * 50, y: 20, class: c }, c));
    });
    if (x === "at_s")
      for (const s of swaps)
        if (s.at_s >= x0 && s.at_s <= x1)
          picture.append(svg("line", { x1: atX(s.at_s), x2: atX(s.at_s), y1: 8, y2: h - bottom, class: "swap" }));
    return picture;
  }

  table(name, heads, rows) {
    const box = el("div", "", "scroll"), t = el("table"), head = el("tr"), body = el("tbody");
    Object.assign(box, { tabIndex: 0 });
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", name);
    for (const h of heads) head.append(Object.assign(el("th", h), { scope: "col" }));
    for (const r of rows) {
      const tr = el("tr");
      tr.append(...r.map((c) => el("td", c)));
      body.append(tr);
    }
    const thead = el("thead");
    thead.append(head);
    t.append(Object.assign(el("caption", name)), thead, body);
    box.append(t);
    return box;
  }

  /** What was measured before a version counts: held-out requests, and the rest, which must not get worse. */
  gates(evaluations) {
    return this.table("Evaluations", ["at", "adapter", "held out passed", "rest passed", "wrong calls"],
      evaluations.map((e) => [`${number(e.at_s)} s`, e.adapter || "the model by itself", share(e.held_out), share(e.rest), number(e.held_out?.wrong_calls)]));
  }

  versions(adapters, swaps) {
    if (!adapters.length && !swaps.length) return [];
    const taken = new Map();
    for (const s of swaps) taken.set(s.adapter, `${s.restored ? "taken back" : "taken over"} at ${number(s.at_s)} s`);
    const names = [...new Set([...adapters.map((a) => a.name), ...taken.keys()])].filter(Boolean);
    const out = [this.table("Adapters", ["adapter", "parent", "made", "examples", "gates", "swap"], names.map((n) => {
      const card = adapters.find((a) => a.name === n)?.card ?? {};
      const gates = (card.evaluations ?? []).map((e) => e.name ?? e.set ?? "").filter(Boolean).join(", ");
      return [n, card.parent ?? "", card.created ?? "", number(card.data?.examples), gates || "none", (card.frozen ? "frozen; " : "") + (taken.get(n) ?? "not taken over")];
    }))];
    for (const a of adapters.slice(-20)) {
      const box = el("details"), pre = el("pre", JSON.stringify(a.card, null, 2));
      pre.tabIndex = 0;
      box.append(el("summary", `Card of ${a.name}`), pre);
      out.push(box);
    }
    return out;
  }
}

const share = (s) => (s ? `${number(100 * s.pass1)} % of ${s.cases}` : "");
