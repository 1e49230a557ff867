// The client against a server that is played here: no network, no clock to wait for but its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session, decodeSound, encodeSound } from "./dist/client.js";

/** A socket whose other end is the test. */
class Fake {
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    Fake.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close(code) { this.end(code ?? 1000, ""); }
  open() { this.readyState = 1; this.onopen({}); }
  tell(...events) { for (const e of events) this.onmessage({ data: JSON.stringify(e) }); }
  end(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

const hello = (more = {}) => ({ type: "hello", seq: 1, at_ms: 0, resume: "k", resumed: false, ...more });

function begin(options = {}) {
  Fake.all = [];
  const session = new Session({ url: "ws://h:1/", makeSocket: (u, p) => new Fake(u, p), ...options });
  const seen = [];
  session.on("*", (e) => seen.push(e.type === "connection" ? e.state : e.type + (e.text ?? "")));
  const connected = session.connect();
  return { session, seen, connected };
}
const until = async (done) => { while (!done()) await new Promise((r) => setTimeout(r, 5)); };

test("a conversation", async () => {
  const { session, seen, connected } = begin({ key: "K", rateHz: 16000, instructions: "short" });
  const [socket] = Fake.all;
  assert.equal(socket.url, "ws://h:1/v1/hocket");
  assert.deepEqual(socket.protocols, ["hocket", "hocket-key.K"]);
  session.sound(new Float32Array(10));
  socket.open();
  assert.deepEqual(socket.sent, [{ type: "start", sound: { rate_hz: 16000 }, instructions: "short" }]);
  socket.tell(hello());
  assert.equal((await connected).resume, "k");
  assert.deepEqual(socket.sent[1], { type: "seen", seq: 0 });
  session.sound(new Float32Array([0, 1, -1]));
  session.picture("/9j/");
  session.text("hi");
  session.mute(true);
  session.interrupt();
  session.toolResult("7", "56");
  assert.deepEqual(socket.sent.slice(2).map((e) => e.type), ["sound", "picture", "text", "mute", "interrupt", "tool.result"]);
  socket.tell({ type: "said", seq: 2, text: "a" }, { type: "said", seq: 2, text: "again" });
  session.close();
  socket.tell({ type: "bye", seq: 3, reason: "asked" });
  socket.end(1000, "");
  assert.deepEqual(seen, ["connecting", "open", "hello", "saida", "bye", "closed"]);
  assert.equal(Fake.all.length, 1);
});

test("a broken connection is taken up again: what was missed comes once", async () => {
  const { session, seen, connected } = begin();
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await connected;
  Fake.all[0].tell({ type: "said", seq: 4, text: "a" });
  Fake.all[0].end(1006, "");
  await until(() => Fake.all.length === 2);
  assert.equal(Fake.all[1].url, "ws://h:1/v1/hocket?resume=k");
  Fake.all[1].open();
  assert.deepEqual(Fake.all[1].sent, [{ type: "start", resume: { key: "k", after: 4 } }]);
  Fake.all[1].tell(hello({ seq: 9, resumed: true, resume: "k2" }), { type: "said", seq: 4, text: "a" }, { type: "said", seq: 6, text: "b" });
  assert.deepEqual(seen.slice(3), ["saida", "broken", "connecting", "open", "hello", "saidb"]);
  // Somebody else has it now: no fight over it.
  Fake.all[1].end(4001, "taken");
  assert.equal(seen.at(-1), "closed");
  assert.equal(session.hello.resumed, true);
  assert.deepEqual(Fake.all[1].sent[1], { type: "seen", seq: 4 });
  assert.equal(session.resumption(), null);
});

test("another page goes on with a session, or learns that it is over", async () => {
  const first = begin();
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await first.connected;
  Fake.all[0].tell({ type: "said", seq: 4, text: "a" });
  const kept = first.session.resumption();
  assert.deepEqual(kept, { key: "k", after: 4 });
  const second = begin({ resume: kept, tools: [] });
  assert.equal(Fake.all[0].url, "ws://h:1/v1/hocket?resume=k");
  Fake.all[0].open();
  assert.deepEqual(Fake.all[0].sent, [{ type: "start", resume: { key: "k", after: 4 } }]);
  Fake.all[0].tell(hello({ resumed: true, resume: "k2" }), { type: "said", seq: 5, text: "b" });
  assert.equal((await second.connected).resumed, true);
  assert.deepEqual(second.session.resumption(), { key: "k2", after: 5 });
  const third = begin({ resume: kept, tools: [] });
  Fake.all[0].open();
  Fake.all[0].tell({ type: "error", seq: 1, code: "cannot_resume", message: "", answers: null });
  assert.deepEqual(Fake.all[0].sent[1], { type: "start", tools: [] });
  Fake.all[0].tell(hello({ resume: "k9" }));
  assert.equal((await third.connected).resumed, false);
});

test("what cannot be taken up begins anew", async () => {
  const { seen, connected } = begin();
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await connected;
  Fake.all[0].end(1006, "");
  await until(() => Fake.all.length === 2);
  Fake.all[1].open();
  Fake.all[1].tell({ type: "error", seq: 1, code: "cannot_resume", message: "", answers: null });
  assert.deepEqual(Fake.all[1].sent.map((e) => e.resume?.key ?? null), ["k", null]);
  Fake.all[1].tell(hello(), { type: "said", seq: 2, text: "new" });
  assert.equal(seen.at(-1), "saidnew");
});

test("no connection is told, and tries have an end", async () => {
  const { connected } = begin();
  Fake.all[0].end(1006, "refused");
  await assert.rejects(connected, /refused/);
  const second = begin({ retries: 0 });
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await second.connected;
  Fake.all[0].end(1006, "");
  assert.equal(second.seen.at(-1), "closed");
});

test("it is tried for as long as the server keeps the conversation", async () => {
  const { seen, connected } = begin();
  const now = Date.now;
  Fake.all[0].open();
  Fake.all[0].tell(hello({ limits: { resume_ms: 30_000 } }));
  await connected;
  try {
    const began = now();
    Fake.all[0].end(1006, "");
    await until(() => Fake.all.length === 2);
    Date.now = () => began + 29_000;
    Fake.all[1].end(1006, "");
    assert.equal(seen.at(-1), "broken");
    await until(() => Fake.all.length === 3);
    Date.now = () => began + 31_000;
    Fake.all[2].end(1006, "");
    assert.equal(seen.at(-1), "closed");
  } finally {
    Date.now = now;
  }
});

test("a connection that does not keep up loses sound, and nothing else", async () => {
  const { session, connected } = begin({ mostBufferedBytes: 100 });
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await connected;
  Fake.all[0].bufferedAmount = 101;
  session.sound(new Float32Array(10));
  session.text("hi");
  assert.equal(session.droppedSound, 1);
  assert.equal(Fake.all[0].sent.at(-1).type, "text");
});

test("a session is deleted although the connection is broken", async () => {
  const { session, connected, seen } = begin();
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await connected;
  Fake.all[0].end(1006, "");
  session.forget();
  assert.equal(seen.includes("closed"), false);
  await new Promise((r) => setTimeout(r, 400));
  Fake.all[1].open();
  Fake.all[1].tell({ ...hello(), resumed: true });
  assert.equal(Fake.all[1].sent.at(-1).type, "forget");
  Fake.all[1].tell({ type: "bye", seq: 9, at_ms: 0, reason: "forgotten" });
  assert.equal(seen.includes("bye"), true);
});

test("what was forgotten is not gone on with, nor begun anew", async () => {
  const { session, connected, seen } = begin();
  Fake.all[0].open();
  Fake.all[0].tell(hello());
  await connected;
  Fake.all[0].tell({ type: "forgotten", seq: 2, at_ms: 0 });
  assert.equal(session.resumption(), null);
  Fake.all[0].end(1006, "");
  assert.equal(seen.at(-1), "closed");
});

test("sound is the same on both ends", () => {
  const samples = Float32Array.from([0, 0.5, -0.5, 1, -1, 2, -2]);
  const back = decodeSound(encodeSound(samples));
  assert.equal(back.length, samples.length);
  back.forEach((v, i) => assert.ok(Math.abs(v - Math.max(-1, Math.min(1, samples[i]))) < 1e-4, `${i}: ${v}`));
  assert.equal(decodeSound(encodeSound(new Float32Array(50000))).length, 50000);
});
