// Editing the running graph: its text and forms for its actors; the server says what a text would change,
// and applies it. What stands in the text stays as it is but for the places that a form changes.

const el = (tag, attributes = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) {
    if (k === "on") for (const [event, run] of Object.entries(v)) e.addEventListener(event, run);
    else if (k in e && typeof v !== "string") e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
};
const reserved = ["component", "include", "inputs", "on", "policy", "restart", "watchdog_ms", "process", "replicas", "doc"];
const sourceOf = (link) => (typeof link === "object" && link !== null && !Array.isArray(link) ? link.from : link);
const shown = (value) => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

/** What a form's text means for a field of that type; undefined: the default. Throws what is wrong. */
export function valueOf(text, field) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (trimmed.startsWith("${")) return trimmed; // a parameter, or a variable
  const type = field?.type ?? "string";
  if (type === "string") return text;
  if (type === "bool") {
    if (trimmed !== "true" && trimmed !== "false") throw new Error("true or false");
    return trimmed === "true";
  }
  if (type === "int" || type === "double" || type === "float") {
    const n = Number(trimmed);
    if (!Number.isFinite(n) || (type === "int" && !Number.isInteger(n))) throw new Error(type === "int" ? "a whole number" : "a number");
    return n;
  }
  try {
    return JSON.parse(trimmed);
  } catch {
    if (type.endsWith("list") && !/[[\]{}"]/.test(trimmed)) return trimmed.split(",").map((s) => s.trim()).filter(Boolean);
    throw new Error(type.endsWith("list") ? "words with commas between, or a JSON list" : "JSON");
  }
}

export class GraphEditor {
  /** `key`: what is shown to the server; `applied`: told after a change of the run. */
  constructor(into, { key, applied }) {
    this.into = into;
    this.key = key;
    this.applied = applied;
    this.types = new Map();
    this.chosen = "";
    this.undone = [];
  }

  async ask(path, body) {
    const key = this.key();
    const headers = key ? { Authorization: "Bearer " + key } : {};
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch("/v1/hocket/graph/" + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error?.message ?? `the server says ${answer.status}`);
    return told;
  }

  /** Begins with the text that runs. */
  async open() {
    const [file, types] = await Promise.all([this.ask("file"), this.ask("types")]);
    for (const t of types.components) this.types.set(t.type, t);
    this.running = file;
    this.text = file.text;
    this.actors = file.actors;
    this.undone = [];
    if (!this.actors.some((a) => a.name === this.chosen)) this.chosen = this.actors[0]?.name ?? "";
    this.build();
    this.tell([`This is revision ${file.revision}, as it runs: ${file.file}`]);
  }

  close() {
    this.into.replaceChildren();
    this.text = undefined;
  }

  get isOpen() { return this.text !== undefined; }

  build() {
    this.area = el("textarea", { rows: "24", spellcheck: "false", autocomplete: "off", wrap: "off", id: "graph-text", on: { input: () => this.typed() } });
    this.area.value = this.text;
    this.form = el("div", { class: "form" });
    this.status = el("div", { class: "outcome", role: "status" });
    this.go = el("button", { type: "button", class: "primary", disabled: true, on: { click: () => this.apply() } }, "Apply");
    this.back = el("button", { type: "button", disabled: this.running.revision < 2, on: { click: () => this.goBack() } }, `Back to revision ${Math.max(1, this.running.revision - 1)}`);
    this.undo = el("button", { type: "button", disabled: true, on: { click: () => this.undoLast() } }, "Undo");
    this.into.replaceChildren(
      el("div", { class: "buttons" }, this.go, this.back, this.undo,
        el("button", { type: "button", on: { click: () => this.open().catch((e) => this.fail(e)) } }, "Discard my changes"),
        el("button", { type: "button", on: { click: () => this.save() } }, "Save as a file")),
      this.status,
      el("div", { class: "edit-columns" }, this.form,
        el("div", {}, el("label", { for: "graph-text" }, "The file"), this.area)));
    this.fill();
  }

  tell(lines, isBad = false) {
    this.status.classList.toggle("bad", isBad);
    this.status.replaceChildren(...lines.map((l) => el("p", {}, l)));
  }
  fail(e) { if (this.status?.isConnected) this.tell([e.message], true); else this.into.replaceChildren(el("p", { class: "outcome bad", role: "alert" }, e.message)); }

  // --- forms ---------------------------------------------------------------------------------------
  fill() {
    const at = this.form.contains(document.activeElement) ? document.activeElement : null;
    const names = this.actors.map((a) => a.name);
    const choose = el("select", { id: "edit-actor", on: { change: () => { this.chosen = choose.value; this.fill(); this.reveal(); } } },
      ...names.map((n) => el("option", { value: n }, n)));
    choose.value = this.chosen;
    const one = this.actors.find((a) => a.name === this.chosen);
    this.form.replaceChildren(el("label", { for: "edit-actor" }, "Actor"), choose,
      ...(one ? this.fieldsOf(one) : []), this.adding());
    // Whoever is in a field meanwhile stays there, with what he has typed.
    const again = at?.id && document.getElementById(at.id);
    if (!again) return;
    if (at.tagName === "INPUT") again.value = at.value;
    again.focus();
  }

  /** The chosen actor's lines come into view. */
  reveal() {
    const line = this.actors.find((a) => a.name === this.chosen)?.line ?? 1;
    this.area.scrollTop = Math.max(0, line - 4) * (this.area.scrollHeight / Math.max(1, this.area.value.split("\n").length));
  }

  fieldsOf(actor) {
    const says = actor.says ?? {}, type = this.types.get(says.component);
    const out = [];
    if (type) out.push(el("p", { class: "hint" }, `${says.component}: ${type.summary}`));
    else out.push(el("p", { class: "hint" }, says.include ? "Actors of another file: change that file." : `${says.component}: not known here`));
    for (const port of type?.inputs ?? []) out.push(this.link(actor, port));
    for (const field of type?.config ?? []) out.push(this.field(actor, field, says[field.name]));
    for (const key of Object.keys(says))
      if (!reserved.includes(key) && !(type?.config ?? []).some((f) => f.name === key))
        out.push(this.field(actor, { name: key, type: typeof says[key] === "string" ? "string" : "json", doc: "" }, says[key]));
    out.push(el("button", { type: "button", class: "danger", on: { click: () => this.change([{ op: "remove_actor", actor: actor.name }], `${actor.name} is taken out, with what others get from it`) } }, `Remove ${actor.name}`));
    return out;
  }

  /** Outputs whose media fit that input, "mic.audio". */
  outputsFor(port) {
    const out = [];
    for (const a of this.actors)
      for (const o of this.types.get(a.says?.component)?.outputs ?? [])
        if (!port.media || o.media.kind === port.media.kind) out.push(`${a.name}.${o.name}`);
    return out;
  }

  link(actor, port) {
    const is = actor.says?.inputs?.[port.name], path = ["actors", actor.name, "inputs", port.name];
    const id = `edit-in-${port.name}`;
    const label = el("label", { for: id }, `input ${port.name}`);
    const hint = el("small", { id: id + "-doc" }, `${port.media.text}; ${port.doc}${port.required ? " (required)" : ""}`);
    if (Array.isArray(is)) {
      const input = el("input", { id, "aria-describedby": id + "-doc", value: is.map(sourceOf).join(", ") });
      input.addEventListener("change", () => {
        const list = input.value.split(",").map((s) => s.trim()).filter(Boolean);
        this.change([list.length ? { op: "set", path, value: list.map((s) => is.find((l) => sourceOf(l) === s) ?? s) } : { op: "remove", path }]);
      });
      return el("div", { class: "field" }, label, input, hint);
    }
    const from = sourceOf(is) ?? "";
    const options = [...new Set([...(from ? [from] : []), ...this.outputsFor(port)])];
    const select = el("select", { id, "aria-describedby": id + "-doc" }, el("option", { value: "" }, "nothing"), ...options.map((o) => el("option", { value: o }, o)));
    select.value = from;
    select.addEventListener("change", () => {
      if (!select.value) return this.change([{ op: "remove", path }]);
      this.change([{ op: "set", path: typeof is === "object" ? [...path, "from"] : path, value: select.value }]);
    });
    return el("div", { class: "field" }, label, select, hint);
  }

  field(actor, field, is) {
    const path = ["actors", actor.name, field.name], id = `edit-key-${field.name.replace(/\W/g, "_")}`;
    const normal = field.required ? "" : shown(field.default);
    const range = field.choices ? "" : [field.min !== undefined ? `at least ${field.min}` : "", field.max !== undefined ? `at most ${field.max}` : ""].filter(Boolean).join(", ");
    const hint = el("small", { id: id + "-doc" }, [field.doc, field.unit && `in ${field.unit}`, range, field.required && "required"].filter(Boolean).join("; "));
    const common = { id, "aria-describedby": id + "-doc" };
    const choices = field.type === "bool" ? ["true", "false"] : field.choices;
    const input = choices
      ? el("select", common, el("option", { value: "" }, normal === "" ? "" : `${normal} (default)`), ...[...new Set([...choices, ...(is !== undefined ? [shown(is)] : [])])].map((c) => el("option", { value: c }, c)))
      : el("input", { ...common, placeholder: normal, autocomplete: "off" });
    input.value = shown(is);
    input.addEventListener("change", () => {
      try {
        const value = valueOf(input.value, field);
        input.removeAttribute("aria-invalid");
        this.change([value === undefined ? { op: "remove", path } : { op: "set", path, value }], "", value === undefined && is === undefined);
      } catch (e) {
        input.setAttribute("aria-invalid", "true");
        this.tell([`${field.name}: ${e.message}`], true);
      }
    });
    return el("div", { class: "field" }, el("label", { for: id }, field.name), input, hint);
  }

  adding() {
    const name = el("input", { id: "edit-new-name", autocomplete: "off" });
    const type = el("select", { id: "edit-new-type" }, ...[...this.types.keys()].map((t) => el("option", { value: t }, t)));
    const what = el("small", {});
    const describe = () => { what.textContent = this.types.get(type.value)?.summary ?? ""; };
    type.addEventListener("change", describe);
    describe();
    const add = () => {
      const is = name.value.trim();
      if (!/^[a-z][a-z0-9_]*$/.test(is)) return this.tell(["A name is a lower-case word: letters, digits and _"], true);
      if (this.actors.some((a) => a.name === is)) return this.tell([`There is an actor ${is} already`], true);
      const of = this.types.get(type.value), inputs = {};
      for (const port of of.inputs) {
        const [from] = port.required ? this.outputsFor(port) : [];
        if (from) inputs[port.name] = from;
      }
      this.chosen = is;
      this.change([{ op: "set", path: ["actors", is], value: { component: of.type, ...(Object.keys(inputs).length ? { inputs } : {}) } }], `${is} is added`);
    };
    return el("details", {}, el("summary", {}, "Add an actor"),
      el("div", { class: "field" }, el("label", { for: "edit-new-name" }, "Its name"), name),
      el("div", { class: "field" }, el("label", { for: "edit-new-type" }, "Its component"), type, what),
      el("button", { type: "button", on: { click: add } }, "Add"));
  }

  // --- changes -------------------------------------------------------------------------------------
  /** By a form: the server changes the text at those places. */
  async change(changes, told = "", isNothing = false) {
    if (isNothing) return;
    try {
      let text, now;
      do { // once more, where somebody typed meanwhile
        text = this.area.value;
        now = await this.ask("edit", { text, changes });
      } while (this.area.value !== text);
      this.remember(now.text, now.actors);
      this.area.value = now.text;
      if (!this.actors.some((a) => a.name === this.chosen)) this.chosen = this.actors[0]?.name ?? "";
      this.fill();
      this.reveal();
      await this.check(told);
    } catch (e) {
      this.fail(e);
      this.fill();
    }
  }

  remember(text, actors) {
    this.undone.push({ text: this.text, actors: this.actors });
    if (this.undone.length > 100) this.undone.shift();
    this.text = text;
    this.actors = actors;
    this.undo.disabled = false;
  }

  undoLast() {
    const was = this.undone.pop();
    if (!was) return;
    this.text = this.area.value = was.text;
    this.actors = was.actors;
    this.undo.disabled = this.undone.length === 0;
    this.fill();
    this.check();
  }

  /** By hand: checked when there is a pause. */
  typed() {
    this.go.disabled = true;
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      if (this.area.value !== this.text) this.remember(this.area.value, this.actors);
      this.check();
    }, 400);
  }

  /** What the run would become; the newest question counts. */
  async check(told = "") {
    const asked = (this.asked = {}), text = this.area.value;
    this.go.disabled = true;
    if (text === this.running.text) return this.tell(["Nothing is changed."]);
    try {
      const { outcome, actors } = await this.ask("check", { text });
      if (asked !== this.asked) return;
      if (outcome.state !== "refused") {
        this.actors = actors;
        if (!this.form.contains(document.activeElement)) this.fill();
      }
      const isFine = outcome.state === "planned";
      this.go.disabled = !isFine;
      this.tell([...(told ? [told + "."] : []), ...this.linesOf(outcome)], outcome.state === "refused");
    } catch (e) {
      if (asked === this.asked) this.fail(e);
    }
  }

  linesOf(o) {
    if (o.state === "refused") return o.why.trim().split("\n");
    if (o.state === "unchanged") return ["The graph means what it meant: nothing to apply."];
    if (o.state === "rolled_back") return [`Rolled back, all runs on as it did: ${o.why}`];
    const did = o.state === "committed";
    return [
      did ? `Applied: revision ${o.revision} runs since ${o.at_s.toFixed(1)} s.` : "Apply would do this:",
      ...o.actors.map((a) => `${a.name} (${a.component}): ${a.fate}${a.why.length ? ", " + a.why.join("; ") : ""}`),
      ...o.links.map((l) => `${l.name}: ${l.fate}${l.queue ? ", " + l.queue : ""}`),
      ...o.others, ...(o.notes ?? []),
      ...o.packets.filter((p) => p.dropped).map((p) => `${p.link}: ${p.dropped} packets dropped`),
      `${o.actors_kept} actors and ${o.links_kept} links stay as they are.`,
    ];
  }

  async apply() {
    this.go.disabled = true;
    await this.rewire("apply", { text: this.area.value, revision: this.running.revision });
  }
  async goBack() {
    this.back.disabled = true;
    await this.rewire("back", { revision: this.running.revision });
  }
  async rewire(path, body) {
    this.tell([path === "apply" ? "Opening what is new …" : "Going back …"]);
    try {
      const { outcome } = await this.ask(path, body);
      if (outcome.state === "committed") {
        await this.open();
        this.applied?.();
      }
      this.tell(this.linesOf(outcome), outcome.state === "refused" || outcome.state === "rolled_back");
    } catch (e) {
      this.fail(e);
    } finally {
      this.back.disabled = this.running.revision < 2;
    }
  }

  save() {
    const url = URL.createObjectURL(new Blob([this.area.value], { type: "application/yaml" }));
    const name = this.running.file.split("/").pop() || "graph.yaml";
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}
