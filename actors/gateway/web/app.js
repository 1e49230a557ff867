// The page: puts conversation, sound, timeline and graph together.
import { CallSocket } from "./call.js";
import { CameraButton } from "./camera.js";
import { Session, decodeSound } from "./client.js";
import { Consent } from "./consent.js";
import { GraphEditor } from "./edit.js";
import { GrownUp } from "./grown_up.js";
import { GraphView } from "./graph.js";
import { keyOfAddress, lookAround } from "./look.js";
import { Kept } from "./resume.js";
import { Memory, Sound, barOf, rms } from "./sound.js";
import { Timeline } from "./timeline.js";
import { TrainingView } from "./training.js";

const $ = (id) => document.getElementById(id);
const sound = new Sound($("out"));
const memory = new Memory();
const timeline = new Timeline($("timeline"));
const graph = new GraphView({
  picture: $("graph"), summary: $("graph-summary"), actor: $("actor"),
  links: $("links").tBodies[0], budgets: $("budgets").tBodies[0],
});
const keyGiven = keyOfAddress();
if (keyGiven) $("key").value = keyGiven;
const editor = new GraphEditor($("editor"), { key: () => $("key").value, applied: () => around.readGraph() });
const training = new TrainingView($("training"));
const consent = new Consent($);
const kept = new Kept();
const camera = new CameraButton($, {
  consent, notice: (text) => notice(text), sees: () => session?.hello?.sees,
  connect: () => (wake(), connect()), show: (image) => session !== forgotten && session?.picture(image),
});
const grownUp = new GrownUp($, { connect: () => connect() });
let texts = {};
let facts = {};
let session = null;
let forgotten = null; // the session whose deletion was asked for
let call = null;         // where sound goes over tracks, not in messages
let offset = null;       // performance.now() of the session's zero, as near as events tell
let isMuted = false;
let isHolding = false;   // push-to-talk: the button is down
let usesMicrophone = false;
let beganAt = 0;
let longUseTold = false;

const say = (state) => { $("state").textContent = state; };
const notice = (text) => { $("notice").textContent = text; };

// --- texts ------------------------------------------------------------------------------------------
async function readFacts() {
  facts = await (await fetch("/v1/hocket/page")).json();
  texts = facts.texts;
  document.title = texts.title;
  $("title").textContent = texts.title;
  $("disclosure").textContent = texts.minors ? texts.minors_disclosure : texts.disclosure;
  $("recording").textContent = texts.recording;
  consent.read(texts);
  grownUp.read(texts, facts.grown_up);
  $("graph-section").hidden = !facts.shows_graph;
  $("call-label").hidden = !facts.calls;
  camera.offer(facts.sees);
  $("edit-buttons").hidden = !facts.edits;
  $("training-section").hidden = !facts.training;
}

// --- captions ---------------------------------------------------------------------------------------
let last = null;
/** Words of one voice that follow each other make one line. */
function caption(who, name, words, isNew = false) {
  $("empty")?.remove();
  const box = $("captions");
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  if (!last || last.who !== who || isNew || performance.now() - last.at > 2500) {
    const line = document.createElement("p");
    line.className = who;
    line.append(Object.assign(document.createElement("span"), { className: "who", textContent: name }), "");
    box.append(line);
    last = { who, line };
    while (box.children.length > 500) box.firstChild.remove();
  }
  last.at = performance.now();
  last.line.lastChild.textContent += words;
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}

// --- the conversation -------------------------------------------------------------------------------
const sessionMs = () => (offset === null ? 0 : performance.now() - offset);
function setClock(e) {
  // The event that came quickest tells best how far apart the clocks are.
  const now = performance.now() - e.at_ms;
  offset = offset === null ? now : Math.min(offset, now);
}

function listen(s) {
  s.on("*", (e) => {
    if (e.type !== "connection" && e.type !== "hello") setClock(e);
  });
  s.on("connection", (c) => {
    if (c.state === "connecting") say("Connecting …");
    if (c.state === "open") say(usesMicrophone ? "Connected: speak whenever you like" : "Connected: type below");
    if (c.state === "broken") say("The connection broke; trying to go on …");
    if (c.state === "closed") ended(c);
  });
  s.on("hello", (h) => {
    if (!h.resumed) offset = performance.now() - h.at_ms;
    timeline.budgetMs = h.micro_turn_ms;
    kept.keep(s, call !== null);
    if (h.lost_to) notice("Something that was said while the connection was broken is lost.");
    if (facts.shows_graph) s.graph(1000);
    if (isMuted || h.resumed) s.mute(isMuted);  // it may have been another page that was muted
  });
  // What still comes behind a deletion is not kept either.
  const on = (type, then) => s.on(type, (e) => s !== forgotten && then(e));
  on("voice", (v) => {
    timeline.advance(Math.max(v.end_ms, sessionMs()));
    if (!v.audio) return;
    const samples = decodeSound(v.audio);
    memory.put("model", v.start_ms, samples);
    sound.play(samples);
  });
  on("said", (w) => {
    caption("model", "Machine", w.text);
    timeline.word("model", w.start_ms, w.text.trim());
  });
  on("heard", (w) => {
    caption("you", "You", w.text);
    timeline.word("you", w.start_ms, w.text.trim());
  });
  on("turn", (t) => timeline.turn(t));
  on("delegated", (d) => {
    timeline.delegated(d.id, d.offset_ms, d.task);
    caption("work", "Working on", d.task, true);
  });
  on("tool", (t) => timeline.tool(t.delegation, sessionMs(), t.name, ""));
  on("tool.done", (t) => timeline.tool(t.delegation, sessionMs(), t.name, t.outcome));
  on("result", (r) => {
    timeline.result(r.delegation, sessionMs(), r.text);
    caption("work", "Found", r.text, true);
  });
  s.on("interrupted", () => sound.clear());
  s.on("lost", (l) => notice(`This page was too slow: ${l.messages} pieces of sound are missing.`));
  s.on("ending", (e) => notice(`The session ends in ${Math.round(e.in_ms / 1000)} s (${e.reason === "idle" ? "nobody says anything" : "it has been long enough"}).`));
  s.on("model", (m) => notice(m.there ? "" : "What answers is gone for the moment; the conversation waits for it."));
  s.on("graph", (g) => graph.show(g.graph));
  s.on("error", (e) => {
    if (e.code === "no_pictures") camera.stop();  // the graph has changed meanwhile
    if (grownUp.isRefusal(e)) return;
    notice(e.code === "cannot_resume" ? "The conversation before is over; this is a new one." : e.message);
  });
  grownUp.listen(s);
  s.on("forgotten", () => {
    forgotten = s;  // the rest of it is not kept either
    kept.forget();
    wipe();
    notice(texts.forgotten);
  });
  s.on("bye", (b) => notice(b.reason === "forgotten" || s === forgotten ? texts.deleted : `The session is over: ${b.reason}.`));
}

/** A call needs a microphone; who types talks over a WebSocket, and so does who goes on where calls do not get
 * through any more: each time one does not even open, the other is tried. */
function makeSocket(url, protocols) {
  if (call && !call.hasOpened) {
    sound.hear(null);
    call = null;
    return new WebSocket(url, protocols);
  }
  call = new CallSocket({
    url: location.origin + "/v1/hocket/calls" + new URL(url).search, key: $("key").value, stream: sound.stream,
    onVoice: (stream) => sound.hear(stream),
  });
  return call;
}

async function connect() {
  if (session && session === forgotten) {  // what is said now would be neither kept nor answered
    notice(texts.deleting);
    throw new Error(texts.deleting);
  }
  if (session) return session;
  const isCall = $("call").checked && usesMicrophone && sound.stream;
  const s = new Session({
    url: location.origin.replace(/^http/, "ws"), rateHz: 16000, key: $("key").value || undefined,
    resume: kept.look() ?? undefined, ...(isCall ? { makeSocket } : {}),
  });
  listen(s);
  session = s;
  memory.clear();
  timeline.clear();
  try {
    await s.connect();
  } catch (e) {
    session = call = null;
    say(facts.needs_key ? "Not connected: this server asks for a key" : "Not connected");
    notice((await whyNobodyAnswers()) ?? e.message);
    throw e;
  }
  beganAt = performance.now();
  longUseTold = false;
  $("quiet").disabled = false;
  around.readGraph();
  return s;
}

/** A browser does not say why a WebSocket was refused; the server does. */
async function whyNobodyAnswers() {
  const ready = await fetch("/readyz").catch(() => null);
  if (ready?.status !== 503) return null;
  return (await ready.json().catch(() => null))?.error?.message ?? null;
}

function ended(c) {
  kept.forget();
  if (call) sound.hear(null);
  session = call = null;
  camera.stop();
  stopMicrophone();
  sound.clear();
  showStart();
  for (const id of ["quiet", "mute"]) $(id).disabled = true;
  if (c.code !== 1000 && c.reason) notice(c.reason);
  say("Not connected");
}

/** Sound, where this device has any; a conversation needs none. */
async function wake() {
  const isHeard = await sound.start().catch(() => false);
  if (!isHeard) notice("No sound starts on this device: is there a loudspeaker? Read the captions, and type.");
  return isHeard;
}

async function startTalking() {
  if (!(await consent.ask(""))) {
    $("words").focus();
    return say("Not connected: type below");
  }
  usesMicrophone = true;
  try {
    const isHeard = await wake();
    if (!usesMicrophone) return;  // stopped meanwhile
    if (!isHeard) {
      stopMicrophone();
      await connect();
      return say("Connected: type below");
    }
    if ($("call").checked) {
      await sound.open($("device").value);
      if (usesMicrophone) await connect();
    } else {
      await connect();
      if (usesMicrophone) await sound.open($("device").value);
    }
    if (!usesMicrophone) return;
  } catch (e) {
    const isMute = !sound.stream;
    stopMicrophone();
    if (session) say("Connected: type below");
    if (isMute && (session || $("call").checked)) notice(`No microphone: ${e.message}`);
    return;
  }
  $("sign").hidden = false;
  $("start").textContent = "Stop";
  $("mute").disabled = false;
  showPush();
  await listDevices();
}

function stopMicrophone() {
  usesMicrophone = false;
  sound.closeMicrophone();
  $("sign").hidden = true;
  $("you-level").value = 0;
  showPush();
}

sound.onSound = (samples) => {
  const speaks = !isMuted && (!$("hold").checked || isHolding);
  if (call?.track) call.track.enabled = speaks;
  if (!speaks) samples = new Float32Array(samples.length);
  const level = barOf(isMuted ? 0 : rms(samples));
  $("you-level").value = level;
  if (!session || session === forgotten) return;
  const ms = sessionMs() - samples.length / 16;
  timeline.level(ms, level);
  if (!isMuted) memory.put("you", ms, samples);
  if (!call) session.sound(samples);
};
sound.onVoice = (samples) => {
  const level = rms(samples);
  $("model-level").value = barOf(level);
  if (session && session !== forgotten && level > 1e-4) memory.put("model", sessionMs() - samples.length / 16, samples);
};
sound.onPlayed = ({ level }) => { $("model-level").value = barOf(level); };
// Unplugged: the browser's next choice, and a word about it.
sound.onLost = async () => {
  notice("The microphone is gone; using another one.");
  try {
    await sound.open("");
    if (sound.stream) await call?.replace(sound.stream);
  } catch {
    stopMicrophone();
    notice("The microphone is gone, and there is no other. You can type.");
  }
  await listDevices();
};

async function listDevices() {
  const chosen = $("device").value;
  const all = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "audioinput" && d.deviceId);
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  $("device").replaceChildren(option("", "The browser's choice"), ...all.map((d, i) => option(d.deviceId, d.label || `Microphone ${i + 1}`)));
  $("device").value = all.some((d) => d.deviceId === chosen) ? chosen : "";
}

// --- buttons and keys -------------------------------------------------------------------------------
const showPush = () => {
  $("push").hidden = !$("hold").checked;
  $("push").disabled = !usesMicrophone;
};
const holding = (on) => {
  isHolding = on;
  $("push").setAttribute("aria-pressed", String(on));
};
$("start").onclick = () => {
  if (!usesMicrophone) return startTalking();
  kept.forget();
  session?.close();
  camera.stop();
  stopMicrophone();
  showStart();
};
$("mute").onclick = () => {
  isMuted = !isMuted;
  $("mute").setAttribute("aria-pressed", String(isMuted));
  session?.mute(isMuted);
};
$("quiet").onclick = () => {
  sound.clear();
  session?.interrupt();
};
$("hold").onchange = showPush;
$("large").onchange = () => $("captions").classList.toggle("large", $("large").checked);
$("push").onpointerdown = () => holding(true);
for (const e of ["pointerup", "pointerleave", "pointercancel"]) $("push").addEventListener(e, () => holding(false));
const isTyping = (e) => /^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(e.target.tagName) || (e.target.tagName === "BUTTON" && e.target !== $("push"));
addEventListener("keydown", (e) => {
  if (e.code !== "Space" || !$("hold").checked || !usesMicrophone || isTyping(e)) return;
  e.preventDefault();
  holding(true);
});
addEventListener("keyup", (e) => { if (e.code === "Space" && isHolding) holding(false); });
addEventListener("blur", () => holding(false));

$("type").onsubmit = async (e) => {
  e.preventDefault();
  const words = $("words").value.trim();
  if (!words) return;
  try {
    wake();  // nobody waits for it who only reads
    const s = await connect();
    s.text(words);
    caption("you", "You", words, true);
    timeline.word("you", sessionMs(), words);
    $("words").value = "";
  } catch { /* told already */ }
};
$("device").onchange = async () => {
  if (!usesMicrophone) return;
  try {
    await sound.open($("device").value);
    if (sound.stream) await call?.replace(sound.stream);
  } catch (e) { notice(e.message); }
};
navigator.mediaDevices?.addEventListener?.("devicechange", () => listDevices().catch(() => {}));

function save(name, data, type) {
  const url = URL.createObjectURL(data instanceof Blob ? data : new Blob([data], { type }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
$("save").onclick = () => {
  const wav = memory.wav();
  if (wav) save("conversation.wav", wav, "audio/wav");
  else notice("Nothing has been said yet.");
};
function wipe() {
  memory.clear();
  timeline.clear();
  $("captions").replaceChildren();
  last = null;
}
$("forget").onclick = () => {
  const isThere = session !== null;
  forgotten = session;
  session?.forget();
  kept.forget();
  sound.silence();
  wipe();
  // What the server has done it says itself: `bye`.
  notice(isThere ? texts.deleting : texts.deleted);
};

const showView = () => {
  $("follow").setAttribute("aria-pressed", String(timeline.isFollowing));
  $("timeline-words").textContent = timeline.describe();
};
timeline.onView = showView;
timeline.onHear = (ms) => sound.replay(memory.take(ms, Math.min(ms + 10000, memory.end())));
$("earlier").onclick = () => timeline.scroll(-0.5 * timeline.spanMs);
$("later").onclick = () => timeline.scroll(0.5 * timeline.spanMs);
$("zoom-in").onclick = () => timeline.zoom(0.7);
$("zoom-out").onclick = () => timeline.zoom(1.4);
$("follow").onclick = () => timeline.follow(!timeline.isFollowing);
$("picture").onclick = () => $("timeline").toBlob((b) => b && save("timeline.png", b));

const around = lookAround({ facts: () => facts, key: () => $("key").value, talks: () => session !== null, graph, training });
$("key").onchange = () => around.readGraph();
$("edit").onclick = async () => {
  const opens = !editor.isOpen;
  $("graph-section").classList.toggle("editing", opens);
  $("edit").setAttribute("aria-expanded", String(opens));
  $("edit").textContent = opens ? "Close the editor" : "Edit the graph";
  if (!opens) return editor.close();
  try {
    await editor.open();
  } catch (e) {
    editor.fail(e);
  }
};

setInterval(() => {
  showView();
  const longUse = (texts.minors ? texts.minors_long_use_after_min : texts.long_use_after_min) * 60000;
  if (session && !longUseTold && performance.now() - beganAt > longUse) {
    longUseTold = true;
    notice(texts.long_use);
  }
}, 1000);

// The page goes, the conversation need not: it waits for who loads the page again.
addEventListener("pagehide", () => session && session !== forgotten && kept.keep(session, call !== null));
const showStart = () => { $("start").textContent = kept.look() ? "Go on" : "Talk"; };
function offerToGoOn() {
  showStart();
  if (!kept.look()) return;
  if (kept.look().isCall) $("call").checked = true;
  say("A conversation waits for you: go on with it");
}

/** For who embeds the page, and for tests. */
globalThis.hocket = { memory, timeline, graph, editor, session: () => session, call: () => call };

readFacts().then(offerToGoOn).then(around.readGraph).catch(() => say("The server does not answer"));
