// What the page asks before anything leaves this device.

/** One question for each thing, once a visit. `$` finds an element by its id. */
export class Consent {
  constructor($) {
    this.$ = $;
    this.given = new Set();
  }

  /** Disclosure and words of the integrator; see texts.json. */
  read(texts) {
    this.texts = texts;
    this.$("consent-disclosure").textContent = texts.minors ? texts.minors_disclosure : texts.disclosure;
    this.$("consent-recording").textContent = texts.recording;
  }

  /** `thing`: "" for the microphone, "camera_". Resolves with the answer; a yes holds. */
  ask(thing) {
    if (this.given.has(thing)) return Promise.resolve(true);
    const $ = this.$;
    $("consent-question").textContent = this.texts[thing + "consent_question"];
    $("yes").textContent = this.texts[thing + "consent_yes"];
    $("no").textContent = this.texts[thing + "consent_no"];
    return new Promise((resolve) => {
      const box = $("consent");
      const done = (answer) => () => {
        box.onclose = null;
        box.close();
        if (answer) this.given.add(thing);
        resolve(answer);
      };
      $("yes").onclick = done(true);
      $("no").onclick = done(false);
      // The event comes late: it may be that of the question before.
      box.onclose = () => box.open || done(false)();
      box.showModal();
    });
  }
}
