// What a page needs to go on with a conversation after it was loaded again: in this tab, on this device.
const name = "hocket.conversation";

/** None where the browser keeps nothing for pages: asking for it throws there. */
function ofTheTab() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null;
  }
}

/** A conversation's key, the last event that was seen, and whether it was a call. Nothing that was said. */
export class Kept {
  constructor(storage = ofTheTab()) { this.storage = storage; }

  /** While the page goes; nothing where nobody can go on with it. */
  keep(session, isCall) {
    const how = session?.resumption();
    if (!how) return this.forget();
    if (!session.hello) return;  // not there yet: what was kept holds
    const untilMs = Date.now() + session.hello.limits.resume_ms;
    this.storage?.setItem(name, JSON.stringify({ ...how, isCall, untilMs }));
  }
  forget() { this.storage?.removeItem(name); }
  /** What was kept, as long as the server keeps it. */
  look() {
    try {
      const kept = JSON.parse(this.storage?.getItem(name) ?? "null");
      return kept && kept.untilMs > Date.now() ? kept : null;
    } catch {
      return null;
    }
  }
}
