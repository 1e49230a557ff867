// A person for clients in JavaScript: speaks at the pace of the clock, and hears whether there is sound.
import fs from 'node:fs';

/** A recording (PCM16, mono) at `rate`. */
export function spoken(path, rate) {
  const file = fs.readFileSync(path);
  let at = 12, source = 0, pcm;
  while (at < file.length) {
    const name = file.toString('latin1', at, at + 4), size = file.readUInt32LE(at + 4);
    if (name === 'fmt ') source = file.readUInt32LE(at + 12);
    if (name === 'data') pcm = file.subarray(at + 8, at + 8 + size);
    at += 8 + size + (size & 1);
  }
  const length = pcm.length >> 1, out = Buffer.alloc(2 * Math.floor(length * rate / source));
  for (let i = 0; i < out.length / 2; i++) {
    const exact = i * source / rate, left = Math.floor(exact), right = Math.min(left + 1, length - 1);
    const a = pcm.readInt16LE(2 * left), b = pcm.readInt16LE(2 * right);
    out.writeInt16LE(Math.round(a + (b - a) * (exact - left)), 2 * i);
  }
  return out;
}

export const sleep = ms => new Promise(done => setTimeout(done, ms));

export async function until(condition, what, limitMs = 60_000) {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = condition();
    if (found) return found;
    if (performance.now() > end) throw new Error(`this did not come true within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}

export function isLoud(bytes) {
  for (let i = 0; i + 1 < bytes.length; i += 2) if (Math.abs(bytes.readInt16LE(i)) > 600) return true;
  return false;
}

/** Speaks in pieces of 40 ms, silence where there is nothing to say. */
export class Person {
  constructor(rate, send) {
    this.size = rate / 25 * 2;
    this.send = send;
    this.words = Buffer.alloc(0);
    this.isThere = true;
  }

  async live() {
    const begun = performance.now();
    for (let n = 1; this.isThere; n++) {
      const piece = Buffer.alloc(this.size);
      this.words.copy(piece, 0, 0, this.size);
      this.words = this.words.subarray(this.size);
      this.send(piece);
      await sleep(Math.max(0, begun + n * 40 - performance.now()));
    }
  }

  async say(words) {
    this.words = words;
    while (this.words.length) await sleep(20);
  }
}
