// What runs on the audio thread: the microphone to 16 kHz pieces, and what the machine says from
// pieces. A browser decides the rate of its device (Firefox refuses any other), so rates change here.

/** Changes the rate of a stream of samples, by a windowed sinc that also keeps out what would alias. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to;
    const cut = Math.min(1, to / from) * 0.92;
    this.reach = Math.ceil(12 / cut);
    this.fine = 64;
    const n = this.reach * this.fine;
    this.kernel = new Float32Array(n + 2);
    for (let i = 0; i <= n; ++i) {
      const x = i / this.fine;
      const s = x === 0 ? cut : Math.sin(Math.PI * cut * x) / (Math.PI * x);
      this.kernel[i] = s * (0.5 + 0.5 * Math.cos((Math.PI * x) / this.reach));
    }
    this.kept = new Float32Array(2 * this.reach);
    this.at = this.reach; // of the next output, in samples of `kept` and what follows
  }

  process(input) {
    if (this.step === 1) return input.slice();
    const all = new Float32Array(this.kept.length + input.length);
    all.set(this.kept);
    all.set(input, this.kept.length);
    const out = [];
    for (; this.at + this.reach < all.length; this.at += this.step) {
      let sum = 0;
      const first = Math.ceil(this.at - this.reach), last = Math.floor(this.at + this.reach);
      for (let k = Math.max(0, first); k <= last; ++k) {
        const x = Math.abs(this.at - k) * this.fine, i = x | 0, part = x - i;
        if (i > this.reach * this.fine) continue;
        sum += all[k] * (this.kernel[i] * (1 - part) + this.kernel[i + 1] * part);
      }
      out.push(sum);
    }
    const drop = Math.max(0, Math.floor(this.at) - this.reach - 1);
    this.kept = all.slice(drop);
    this.at -= drop;
    return Float32Array.from(out);
  }
}

const Base = globalThis.AudioWorkletProcessor ?? class {};

/** Posts pieces of 40 ms at 16 kHz. */
class Microphone extends Base {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, 16000);
    this.pieces = [];
    this.length = 0;
  }
  process(inputs) {
    const input = inputs[0]?.[0];
    if (!input) return true;
    const piece = this.resampler.process(input);
    this.pieces.push(piece);
    this.length += piece.length;
    if (this.length < 640) return true;
    const out = new Float32Array(this.length);
    let at = 0;
    for (const p of this.pieces) { out.set(p, at); at += p.length; }
    this.pieces = [];
    this.length = 0;
    this.port.postMessage(out, [out.buffer]);
    return true;
  }
}

/** Plays what was posted, `clear` drops what waits. After silence it gathers 60 ms first. */
class Speaker extends Base {
  constructor() {
    super();
    this.resampler = new Resampler(16000, sampleRate);
    this.queue = [];
    this.offset = 0;
    this.waiting = 0;
    this.playing = false;
    this.sum = 0;
    this.count = 0;
    this.fade = 0;
    this.port.onmessage = ({ data }) => {
      if (data === "clear") {
        this.queue = [];
        this.offset = this.waiting = 0;
        this.fade = 1;
        return;
      }
      const samples = this.resampler.process(data);
      this.queue.push(samples);
      this.waiting += samples.length;
    };
  }
  process(_, outputs) {
    const out = outputs[0][0];
    if (!this.playing && this.waiting >= 0.06 * sampleRate) this.playing = true;
    for (let i = 0; i < out.length; ++i) {
      let v = 0;
      if (this.playing) {
        const now = this.queue[0];
        if (!now) {
          this.playing = false;
        } else {
          v = now[this.offset++];
          --this.waiting;
          if (this.offset >= now.length) { this.queue.shift(); this.offset = 0; }
        }
      }
      // What is cut off ends within 5 ms instead of with a click.
      if (this.fade > 0.001) { this.fade *= 1 - 1 / (0.0015 * sampleRate); v += (this.last ?? 0) * this.fade; } else this.last = v;
      out[i] = v;
      this.sum += v * v;
    }
    for (const channel of outputs[0].slice(1)) channel.set(out);
    this.count += out.length;
    if (this.count >= 0.05 * sampleRate) {
      this.port.postMessage({ level: Math.sqrt(this.sum / this.count), waiting_ms: (1000 * this.waiting) / sampleRate });
      this.sum = this.count = 0;
    }
    return true;
  }
}

if (globalThis.registerProcessor) {
  registerProcessor("microphone", Microphone);
  registerProcessor("speaker", Speaker);
}
