// The microphone and the loudspeaker of the page.

// Firefox waits for ever for a loudspeaker that is not there.
const LOUDSPEAKER_WAIT_MS = 10000;

/** Sound of this device: `start` on a click (browsers want one), then `onSound` gets 16 kHz pieces. */
export class Sound {
  constructor(out) {
    this.out = out;
    this.onSound = () => {};
    this.onPlayed = () => {};
    this.onLost = () => {};
    this.onVoice = () => {}; // of a call
    this.stream = null;
    this.turn = 0;  // of the microphone: another one, or none, was wanted meanwhile
  }

  /** Whether it can be heard; without a loudspeaker there are neither worklets nor a microphone. */
  start() {
    this.prepared ??= this.prepare().catch((e) => {
      this.context?.close().catch(() => {});
      this.prepared = this.context = null;  // the next click tries again
      throw e;
    });
    const wakes = this.prepared.then(() => this.context.resume()).then(() => true);
    // Of each click: what slept for a moment, or was plugged in meanwhile, has time to wake.
    let timer;
    const patience = new Promise((go) => {
      timer = setTimeout(() => go(this.context?.state === "running"), LOUDSPEAKER_WAIT_MS);
    });
    return Promise.race([wakes, patience]).finally(() => clearTimeout(timer));
  }

  async prepare() {
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("worklet.js");
    this.speaker = new AudioWorkletNode(this.context, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    this.speaker.port.onmessage = ({ data }) => this.onPlayed(data);
    // Through an element, so that the browser's echo canceller knows what is played.
    this.to = this.context.createMediaStreamDestination();
    this.speaker.connect(this.to);
    this.out.srcObject = this.to.stream;
    this.out.play().catch(() => {});
  }

  /** 16 kHz pieces of a stream, to `then`; the nodes, to be disconnected. */
  tap(stream, then) {
    const source = this.context.createMediaStreamSource(stream);
    const worklet = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 1 });
    worklet.port.onmessage = ({ data }) => then(data);
    // A node that leads nowhere is not run: it leads to silence.
    const silence = this.context.createGain();
    silence.gain.value = 0;
    source.connect(worklet).connect(silence).connect(this.context.destination);
    return [source, worklet];
  }

  /** The machine's voice comes as a stream, which the element plays itself; null: as pieces again. */
  hear(stream) {
    for (const node of this.voice ?? []) node.disconnect();
    this.voice = stream ? this.tap(stream, (samples) => this.onVoice(samples)) : null;
    this.out.srcObject = stream ?? this.to?.stream ?? null;
    this.out.play().catch(() => {});
  }

  /** Opens a microphone; the browser's choice where `device` is empty or gone. Closed meanwhile, it stays closed. */
  async open(device) {
    this.closeMicrophone();
    const turn = this.turn;
    const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: device ? { ...wanted, deviceId: { exact: device } } : wanted });
    } catch (e) {
      if (!device) throw e;
      stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    }
    if (turn !== this.turn) {  // a browser asks its person first, and that takes its time
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.stream = stream;
    for (const track of stream.getAudioTracks()) track.onended = () => this.stream === stream && this.onLost();
    [this.source, this.microphone] = this.tap(stream, (samples) => this.onSound(samples));
  }

  closeMicrophone() {
    ++this.turn;
    this.source?.disconnect();
    this.microphone?.disconnect();
    if (this.microphone) this.microphone.port.onmessage = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.source = this.microphone = null;
  }

  play(samples) { this.speaker?.port.postMessage(samples); }
  clear() { this.speaker?.port.postMessage("clear"); }
  /** Neither what is to come nor what is listened to again. */
  silence() {
    this.clear();
    this.replaying?.stop();
    this.replaying = null;
  }

  /** Once, beside the conversation: for listening again. */
  replay(samples) {
    if (!this.context || !samples.length) return;
    this.replaying?.stop();
    const buffer = this.context.createBuffer(1, samples.length, 16000);
    buffer.copyToChannel(samples, 0);
    this.replaying = this.context.createBufferSource();
    this.replaying.buffer = buffer;
    this.replaying.connect(this.context.destination);
    this.replaying.start();
  }
}

export const rms = (samples) => {
  let sum = 0;
  for (const s of samples) sum += s * s;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
};

/** Loudness as a bar: -60 dB of full scale is 0, full scale is 1. */
export const barOf = (level) => Math.max(0, Math.min(1, 1 + Math.log10(Math.max(level, 1e-6)) / 3));

/** Both voices on the session's clock, in memory only: the last half hour. */
export class Memory {
  constructor() { this.clear(); }
  clear() { this.voices = { you: [], model: [] }; }
  put(who, startMs, samples) {
    const kept = Int16Array.from(samples, (s) => Math.max(-1, Math.min(1, s)) * 32767);
    const all = this.voices[who];
    all.push({ startMs, endMs: startMs + kept.length / 16, samples: kept });
    while (all.length && all[0].endMs < startMs - 1800_000) all.shift();
  }
  end() { return Math.max(0, ...Object.values(this.voices).map((v) => v.at(-1)?.endMs ?? 0)); }
  begin() { return Math.min(...Object.values(this.voices).map((v) => v[0]?.startMs ?? Infinity)); }
  /** [from, to) of one voice, or of both. */
  take(fromMs, toMs, who = ["you", "model"]) {
    const out = new Float32Array(Math.max(0, Math.ceil((toMs - fromMs) * 16)));
    for (const w of who)
      for (const p of this.voices[w]) {
        if (p.endMs <= fromMs || p.startMs >= toMs) continue;
        const at = Math.round((p.startMs - fromMs) * 16);
        for (let i = Math.max(0, -at); i < p.samples.length && at + i < out.length; ++i) out[at + i] += p.samples[i] / 32768;
      }
    return out;
  }
  /** Left you, right the machine. */
  wav() {
    const from = this.begin(), to = this.end();
    if (!(to > from)) return null;
    const left = this.take(from, to, ["you"]), right = this.take(from, to, ["model"]);
    const view = new DataView(new ArrayBuffer(44 + left.length * 4));
    const text = (at, t) => [...t].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
    text(0, "RIFF"); view.setUint32(4, 36 + left.length * 4, true); text(8, "WAVEfmt ");
    view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 2, true);
    view.setUint32(24, 16000, true); view.setUint32(28, 64000, true); view.setUint16(32, 4, true); view.setUint16(34, 16, true);
    text(36, "data"); view.setUint32(40, left.length * 4, true);
    const put = (at, s) => view.setInt16(at, Math.max(-1, Math.min(1, s)) * 32767, true);
    left.forEach((s, i) => { put(44 + 4 * i, s); put(46 + 4 * i, right[i]); });
    return view.buffer;
  }
}
