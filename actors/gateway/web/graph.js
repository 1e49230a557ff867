// The running graph, from the snapshots that the server tells: actors as boxes, links with rates, hosts as
// boxes around them.

const ns = "http://www.w3.org/2000/svg";
const svg = (tag, attributes, ...children) => {
  const e = document.createElementNS(ns, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
};
const actorOf = (end) => end.split(".")[0];
const dropped = (l) => Object.values(l.dropped).reduce((sum, n) => sum + n, 0); // by reason

export class GraphView {
  constructor({ picture, summary, actor, links, budgets }) {
    Object.assign(this, { picture, summary, actor, links, budgets });
    this.before = null;
    this.chosen = null;
    this.shape = "";
    this.yaml = "";
    this.events = [];
  }

  /** The graph file: where actors run stands in it, also of those that another host runs. */
  file(yaml) {
    this.yaml = yaml;
    this.shape = "";
    if (this.now) this.show(this.now);
  }

  hostOf(name) {
    return this.configOf(name).match(/^\s+on: *"?([\w-]+)/m)?.[1] ?? "";
  }

  /** One snapshot. Rates are the difference to the one before. */
  show(now) {
    const before = this.before;
    this.before = now;
    const passed = before ? now.now_s - before.now_s : 0;
    const was = new Map((before?.links ?? []).map((l) => [l.from + ">" + l.to, l]));
    for (const l of now.links) {
      const old = was.get(l.from + ">" + l.to);
      l.rate = old && passed > 0 ? (l.delivered - old.delivered) / passed : 0;
      l.lost = dropped(l);
      l.losing = old ? l.lost > dropped(old) : false;
    }
    this.now = now;
    // Who was taken out stands in the snapshot still, and in the file no more. A replica is "model/1".
    const isNamed = (name) => this.configOf(name.split("/")[0]) !== "";
    if (now.actors.some((a) => isNamed(a.name))) {
      now.actors = now.actors.filter((a) => isNamed(a.name));
      now.links = now.links.filter((l) => isNamed(actorOf(l.from)) && isNamed(actorOf(l.to)));
    }
    this.far(now);
    const shape = JSON.stringify([now.actors.map((a) => a.name), now.links.map((l) => [l.from, l.to])]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.lay(now);
    }
    this.refresh(now);
  }

  /** Actors of other hosts: this one knows no more of them than where they are. */
  far(now) {
    const here = new Set(now.actors.map((a) => a.name));
    for (const end of now.links.flatMap((l) => [l.from, l.to]).map(actorOf)) {
      if (here.has(end)) continue;
      here.add(end);
      now.actors.push({ name: end, component: this.configOf(end).match(/^\s+component: *"?([\w.]+)/m)?.[1] ?? "", far: true, state: "elsewhere",
        busy_ratio: 0, queued: 0, packets_in: 0, packets_out: 0, restarts: 0, handler_p50_ms: 0, handler_p99_ms: 0, counters: {} });
    }
  }

  /** Columns by the longest way from a source, back edges left out. */
  lay(now) {
    const column = new Map(now.actors.map((a) => [a.name, 0]));
    const forward = now.links.filter((l) => !l.back_edge && actorOf(l.from) !== actorOf(l.to));
    for (let i = 0; i < now.actors.length; ++i)
      for (const l of forward) {
        const wanted = (column.get(actorOf(l.from)) ?? 0) + 1;
        if (wanted > column.get(actorOf(l.to)) && wanted <= now.actors.length) column.set(actorOf(l.to), wanted);
      }
    this.at = new Map();
    const hosts = new Map();
    for (const a of now.actors) {
      const host = this.hostOf(a.name) || now.host || "";
      hosts.set(host, [...(hosts.get(host) ?? []), a]);
    }
    let top = 0;
    const boxes = [];
    for (const [host, actors] of hosts) {
      const rows = new Map(), head = hosts.size > 1 ? 22 : 0;
      for (const a of actors) {
        const x = column.get(a.name), y = rows.get(x) ?? 0;
        rows.set(x, y + 1);
        this.at.set(a.name, { x: 14 + x * 186, y: top + head + 26 + y * 104 });
      }
      const tall = head + 26 + Math.max(1, ...rows.values()) * 104;
      if (hosts.size > 1) boxes.push({ host, y: top + 4, height: tall - 8 });
      top += tall;
    }
    const width = 14 + Math.max(1, ...[...column.values()].map((c) => c + 1)) * 186;
    const height = top;
    this.root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Actors and links" });
    this.root.append(svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
      svg("path", { d: "M0 0 8 4 0 8z" }))));
    for (const b of boxes)
      this.root.append(svg("rect", { class: "host", x: 4, y: b.y, width: width - 8, height: b.height, rx: 9 }),
        svg("text", { x: 14, y: b.y + 17, class: "soft" }, `host ${b.host || "not said"}${b.host === now.host ? " (this one)" : ""}`));
    this.wires = new Map();
    const beside = new Map();
    for (const l of now.links) {
      const from = this.at.get(actorOf(l.from)), to = this.at.get(actorOf(l.to));
      if (!from || !to) continue;
      const pair = [actorOf(l.from), actorOf(l.to)].join(">");
      const n = beside.get(pair) ?? 0;
      beside.set(pair, n + 1);
      const path = svg("path", { d: this.wire(from, to, n), "marker-end": "url(#tip)" });
      path.append(svg("title", {}, ""));
      this.wires.set(l.from + ">" + l.to, path);
      this.root.append(path);
    }
    this.nodes = new Map();
    for (const a of now.actors) this.root.append(this.node(a));
    this.picture.replaceChildren(this.root);
  }

  wire(from, to, n) {
    const y = 14 + (n % 5) * 9;
    if (to.x > from.x) {
      const x1 = from.x + 146, x2 = to.x;
      return `M${x1} ${from.y + y} C${x1 + 30} ${from.y + y} ${x2 - 30} ${to.y + y} ${x2} ${to.y + y}`;
    }
    const under = Math.max(from.y, to.y) + 74 + n * 4, x1 = from.x + 110 - n * 9, x2 = to.x + 40 + n * 9;
    return `M${x1} ${from.y + 64} C${x1} ${under + 16} ${x2} ${under + 16} ${x2} ${to.y + 64}`;
  }

  node(a) {
    const { x, y } = this.at.get(a.name);
    const g = svg("g", { class: "actor-node", tabindex: 0, role: "button", transform: `translate(${x} ${y})` },
      svg("rect", { class: "box", width: 146, height: 64, rx: 7 }),
      svg("text", { x: 9, y: 19, "font-weight": 700 }, a.name),
      svg("text", { x: 9, y: 36, class: "soft" }, a.component),
      svg("text", { x: 9, y: 53, class: "soft" }, ""));
    const choose = () => {
      this.chosen = this.chosen === a.name ? null : a.name;
      this.refresh(this.now);
    };
    g.addEventListener("click", choose);
    g.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" && e.key !== " ") return;
      e.preventDefault();
      choose();
    });
    this.nodes.set(a.name, g);
    return g;
  }

  refresh(now) {
    const bad = ["hung", "lost", "restarting"];
    for (const a of now.actors) {
      const g = this.nodes.get(a.name);
      if (!g) continue;
      const line = a.far ? "on another host" : `${a.state}, ${Math.round(100 * a.busy_ratio)} %, ${a.queued} queued`;
      g.lastChild.textContent = line;
      g.setAttribute("aria-label", `${a.name}, ${a.component}: ${line}`);
      g.setAttribute("aria-pressed", String(this.chosen === a.name));
      g.classList.toggle("bad", bad.includes(a.state));
      g.classList.toggle("chosen", this.chosen === a.name);
    }
    for (const l of now.links) {
      const path = this.wires.get(l.from + ">" + l.to);
      if (!path) continue;
      path.classList.toggle("back", l.back_edge);
      path.classList.toggle("busy", l.rate > 0);
      path.classList.toggle("lossy", l.losing);
      path.firstChild.textContent = `${l.from} → ${l.to}: ${l.rate.toFixed(1)}/s, ${l.in_flight} waiting, ${l.lost} dropped`;
    }
    this.summary.textContent = `${now.graph}: ${now.actors.length} actors, ${now.links.length} links, ${now.sessions} ${now.sessions === 1 ? "conversation" : "conversations"}, ` +
      (now.law_holds ? "all packets accounted for." : "packets are not accounted for: a fault of Hocket's own.");
    this.table(this.links, now.links.map((l) => [l.from, l.to, l.rate.toFixed(1), l.in_flight, l.lost]));
    this.table(this.budgets, now.budgets.map((b) => [b.path, b.p50_ms.toFixed(0), b.p99_ms.toFixed(0), b.limit_ms, b.missed]));
    this.detail(now.actors.find((a) => a.name === this.chosen));
  }

  table(into, rows) {
    into.replaceChildren(...rows.map((cells) => {
      const tr = document.createElement("tr");
      tr.append(...cells.map((c) => Object.assign(document.createElement("td"), { textContent: c })));
      return tr;
    }));
  }

  detail(a) {
    if (!a) return this.actor.replaceChildren();
    const counters = Array.isArray(a.counters) ? a.counters : Object.entries(a.counters ?? {});
    const lines = [
      `state ${a.state}, in ${a.packets_in}, out ${a.packets_out}, restarts ${a.restarts}`,
      `${Math.round(100 * a.busy_ratio)} % busy, ${a.queued} queued`,
      `call p50 ${a.handler_p50_ms.toFixed(2)} ms, p99 ${a.handler_p99_ms.toFixed(2)} ms`,
      ...counters.map((c) => (Array.isArray(c) ? `${c[0]}: ${c[1]}` : `${c.name}: ${c.value}`)),
      ...(a.last_error ? ["last error: " + a.last_error] : []),
    ];
    const links = this.now.links.filter((l) => actorOf(l.to) === a.name);
    for (const l of links) lines.push(`${l.to.split(".").pop()} from ${l.from}: ${l.rate.toFixed(1)}/s, ${l.in_flight} of ${l.queue_size} waiting (${l.full}), ${l.lost} dropped`);
    const events = this.events.filter((e) => e.actor === a.name).slice(-8);
    if (events.length) lines.push("", "last events", ...events.map((e) => `${(e.t_ms / 1000).toFixed(1)} s  ${e.role ?? ""}  ${e.detail ?? ""}`.trimEnd()));
    const config = this.configOf(a.name);
    const heading = Object.assign(document.createElement("h3"), { textContent: `${a.name} (${a.component})` });
    const figures = Object.assign(document.createElement("pre"), { textContent: lines.join("\n") + (config ? "\n\n" + config : "") });
    figures.tabIndex = 0;
    const text = figures.textContent;
    if (this.actor.dataset.text === text && this.actor.firstChild) return;
    this.actor.dataset.text = text;
    this.actor.replaceChildren(heading, figures);
  }

  /** The lines of the graph file below `actors:` that are this actor's. */
  configOf(name) {
    const lines = this.yaml.split("\n");
    const actors = lines.findIndex((l) => l.startsWith("actors:"));
    const at = lines.findIndex((l, i) => i > actors && l.trimStart().startsWith(name + ":") && l.startsWith(" "));
    if (actors < 0 || at < 0) return "";
    const depth = lines[at].length - lines[at].trimStart().length;
    const end = lines.findIndex((l, i) => i > at && l.trim() && l.length - l.trimStart().length <= depth);
    return lines.slice(at, end < 0 ? undefined : end).map((l) => l.slice(depth)).join("\n");
  }
}
