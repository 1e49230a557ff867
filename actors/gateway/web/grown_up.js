// A grown-up's settings, behind his key: a dialog of the page.

const refusals = new Set(["wrong_key", "too_often", "no_settings", "bad_setting"]);

/** The key is in its field alone, and leaves it with the dialog. `$` finds an element by its id. */
export class GrownUp {
  /** `connect` resolves with the conversation. */
  constructor($, { connect }) {
    this.$ = $;
    $("grown-up").onclick = () => this.open();
    $("grown-up-close").onclick = () => $("grown-up-dialog").close();
    $("grown-up-dialog").onclose = () => this.forget();
    $("grown-up-open").onsubmit = (e) => {
      e.preventDefault();
      this.send(connect);
    };
    $("grown-up-form").onsubmit = (e) => {
      e.preventDefault();
      this.send(connect, this.wanted());
    };
  }

  /** Words of the operator; see texts.json. `offered`: this server has such keys. */
  read(texts, offered) {
    this.texts = texts;
    this.$("grown-up").hidden = !offered;
    for (const element of document.querySelectorAll("[data-text]"))
      element.textContent = texts[element.dataset.text];
  }

  listen(session) {
    session.on("settings", (e) => this.show(e));
    session.on("error", (e) => {
      if (this.isRefusal(e)) this.say(e.code === "bad_setting" ? `${this.texts.grown_up_refused} ${e.message}` : this.texts["grown_up_" + e.code]);
    });
  }

  /** Told in the dialog, not beside it. */
  isRefusal(e) { return refusals.has(e.code); }

  open() {
    this.forget();
    this.$("grown-up-dialog").showModal();
    this.$("grown-up-key").focus();
  }

  forget() {
    this.$("grown-up-key").value = "";
    this.$("grown-up-form").hidden = true;
    this.say("");
  }

  say(words) { this.$("grown-up-status").textContent = words; }

  async send(connect, set) {
    const key = this.$("grown-up-key").value.trim();
    if (!key) return this.say(this.texts.grown_up_wrong_key);
    this.saves = set !== undefined;
    try {
      (await connect()).settings(key, set);
    } catch (e) {
      this.say(e.message);
    }
  }

  show({ settings, may }) {
    const $ = this.$;
    if (!$("grown-up-dialog").open) return;
    const isHidden = $("grown-up-form").hidden;
    this.may = may;
    const offers = (id, is) => { $(id).closest("p, fieldset").hidden = !is; };
    offers("grown-up-length", may.length_min);
    offers("grown-up-from", may.hours);
    offers("grown-up-recordings", may.recordings);
    offers("grown-up-leave", may.leave);
    offers("grown-up-topics", may.topics?.length);
    if (may.length_min) [$("grown-up-length").min, $("grown-up-length").max] = may.length_min;
    $("grown-up-length").value = settings.length_min ?? "";
    [$("grown-up-from").value, $("grown-up-to").value] = (settings.hours ?? "-").split("-");
    $("grown-up-recordings").checked = settings.recordings;
    $("grown-up-leave").checked = settings.leave;
    $("grown-up-topics").replaceChildren(...(may.topics ?? []).map((name) => {
      const label = document.createElement("label"), box = document.createElement("input");
      Object.assign(box, { type: "checkbox", value: name, checked: settings.topics.includes(name) });
      label.append(box, " " + name);
      return label;
    }));
    $("grown-up-form").hidden = false;
    this.say(this.saves ? this.texts.grown_up_saved : "");
    if (isHidden) $("grown-up-form").querySelector("input:not([hidden])")?.focus();
  }

  /** What the policy does not let him set is not asked for. */
  wanted() {
    const $ = this.$, out = {}, may = this.may ?? {};
    if (may.length_min) out.length_min = $("grown-up-length").value === "" ? null : Number($("grown-up-length").value);
    const [from, to] = [$("grown-up-from").value, $("grown-up-to").value];
    if (may.hours) out.hours = from || to ? `${from}-${to}` : null;
    if (may.topics?.length) out.topics = [...$("grown-up-topics").querySelectorAll("input:checked")].map((b) => b.value);
    if (may.recordings) out.recordings = $("grown-up-recordings").checked;
    if (may.leave) out.leave = $("grown-up-leave").checked;
    return out;
  }
}
