const open = 1;
const leastTriedMs = 20_000;
/** 16 bit little-endian PCM of samples in [-1, 1], in base64. */
export function encodeSound(samples) {
    const bytes = new Uint8Array(samples.length * 2);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < samples.length; ++i) {
        const s = Math.max(-1, Math.min(1, samples[i] ?? 0));
        view.setInt16(2 * i, Math.round(s * 32767), true);
    }
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000)
        text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return btoa(text);
}
/** The other way round. */
export function decodeSound(base64) {
    const text = atob(base64);
    const out = new Float32Array(text.length >> 1);
    for (let i = 0; i < out.length; ++i) {
        const v = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8);
        out[i] = (v >= 0x8000 ? v - 0x10000 : v) / 32768;
    }
    return out;
}
/**
 * One conversation. It survives a broken connection where the server keeps it: what was missed comes
 * again, in order and once.
 */
export class Session {
    options;
    hello = null;
    /** Messages with sound that were left out because the connection did not keep up. */
    droppedSound = 0;
    /** Pictures that were left out for the same reason. */
    droppedPictures = 0;
    socket = null;
    key;
    seen;
    tries = 0;
    brokenAt = null;
    keptMs = leastTriedMs;
    isOver = false;
    forgets = false;
    timer;
    handlers = new Map();
    constructor(options) {
        this.options = options;
        this.key = options.resume?.key ?? null;
        this.seen = options.resume?.after ?? 0;
    }
    /** With what another `Session` goes on with this one, after a reload of the page; null: none can. */
    resumption() {
        return this.key && !this.isOver ? { key: this.key, after: this.seen } : null;
    }
    on(type, handler) {
        let all = this.handlers.get(type);
        if (!all)
            this.handlers.set(type, (all = new Set()));
        all.add(handler);
        return () => void all.delete(handler);
    }
    /** Resolves with the server's hello; rejects where there is none. */
    connect() {
        return new Promise((resolve, reject) => {
            const done = [
                this.on("hello", (h) => (done.forEach((f) => f()), resolve(h))),
                this.on("connection", (c) => {
                    if (c.state !== "closed")
                        return;
                    done.forEach((f) => f());
                    reject(new Error(c.reason || `no connection (${c.code})`));
                }),
            ];
            this.dial();
        });
    }
    sound(samples) {
        if (!this.hello || !this.socket || this.socket.readyState !== open)
            return;
        if (this.isBehind()) {
            ++this.droppedSound;
            return;
        }
        this.send({ type: "sound", audio: encodeSound(samples) });
    }
    /** A JPEG or PNG in base64: what is to be seen from now on, for a moment (a camera sends the next). */
    picture(image) {
        if (!this.hello || !this.socket || this.socket.readyState !== open)
            return;
        if (this.isBehind())
            ++this.droppedPictures;
        else
            this.send({ type: "picture", image });
    }
    text(text) { this.send({ type: "text", text }); }
    interrupt() { this.send({ type: "interrupt" }); }
    mute(on) { this.send({ type: "mute", on }); }
    tools(tools) { this.send({ type: "tools", tools }); }
    toolResult(call, text) { this.send({ type: "tool.result", call, text }); }
    /** Snapshots of the run, that often; 0: no more. */
    graph(everyMs) { this.send({ type: "graph", every_ms: everyMs }); }
    /** A grown-up's key; what he changes, or nothing to look. Answered with `settings`, or an `error`. */
    settings(key, set) { this.send({ type: "settings", key, ...(set ? { set } : {}) }); }
    ping() { this.send({ type: "ping", t: performance.now() }); }
    /** Ends the session; nobody can go on with it. A connection that is broken is made again for that: `bye`
     * with the reason `forgotten` says that the server has done it, "closed" without it that it has not. */
    forget() {
        const isBroken = this.key && (!this.socket || this.socket.readyState !== open);
        if (isBroken && !this.isOver)
            this.forgets = true;
        else
            this.end("forget");
    }
    close() { this.end("end"); }
    isBehind() {
        return this.socket.bufferedAmount > (this.options.mostBufferedBytes ?? 256 * 1024);
    }
    end(type) {
        if (this.isOver)
            return;
        const socket = this.socket;
        this.send({ type });
        this.isOver = true;
        clearTimeout(this.timer);
        // The server closes; where it does not, we do.
        if (socket && socket.readyState <= open)
            setTimeout(() => socket.close(1000), 1000);
        else
            this.tell({ type: "connection", state: "closed", code: 1000 });
    }
    send(event) {
        if (!this.socket || this.socket.readyState !== open || this.isOver)
            return false;
        this.socket.send(JSON.stringify(event));
        return true;
    }
    tell(e) {
        for (const type of [e.type, "*"])
            for (const handler of [...(this.handlers.get(type) ?? [])])
                handler(e);
    }
    dial() {
        const { url, key, makeSocket } = this.options;
        const protocols = ["hocket", ...(key ? ["hocket-key." + key] : [])];
        const make = makeSocket ?? ((u, p) => new WebSocket(u, p));
        this.tell({ type: "connection", state: "connecting" });
        // Named here, too: who goes on needs no other place than the one that his conversation has.
        const query = this.key ? "?resume=" + encodeURIComponent(this.key) : "";
        const socket = make(url.replace(/\/+$/, "") + "/v1/hocket" + query, protocols);
        this.socket = socket;
        socket.onopen = () => this.start();
        socket.onmessage = (m) => {
            if (socket === this.socket)
                this.receive(String(m.data));
        };
        socket.onerror = () => { };
        socket.onclose = (c) => {
            if (socket === this.socket)
                this.lost(c.code, c.reason);
        };
    }
    start() {
        const { rateHz, instructions, tools } = this.options;
        const key = this.key;
        this.send({
            type: "start",
            ...(rateHz ? { sound: { rate_hz: rateHz } } : {}),
            ...(key ? { resume: { key, after: this.seen } } : { instructions, tools }),
        });
    }
    receive(text) {
        const e = JSON.parse(text);
        if (e.type === "error" && e.code === "cannot_resume") {
            // A new conversation, at the same connection.
            this.hello = null;
            this.key = null;
            this.seen = 0;
            this.tell(e);
            return this.forgets ? this.end("end") : this.start();
        }
        if (e.type === "hello") {
            this.hello = e;
            this.key = e.resume;
            this.tries = 0;
            this.keptMs = Math.max(leastTriedMs, e.limits?.resume_ms ?? 0);
            this.brokenAt = null;
            // The key before this one is spent now, and what was seen need not be kept.
            if (this.key)
                this.send({ type: "seen", seq: this.seen });
            if (this.forgets)
                return this.end("forget");
            this.tell({ type: "connection", state: "open" });
            return this.tell(e);
        }
        if (e.type !== "bye" && e.seq <= this.seen)
            return;
        this.seen = e.seq;
        // Nobody goes on with it: a break ends it, and nothing begins anew.
        if (e.type === "forgotten")
            this.key = null;
        if (e.type === "bye")
            this.isOver = true;
        this.tell(e);
    }
    lost(code, reason) {
        this.socket = null;
        const canRetry = this.key && code !== 1000 && code !== 1008 && code !== 4001;
        this.brokenAt ??= Date.now();
        const { retries } = this.options;
        const isEnough = retries === undefined ? Date.now() - this.brokenAt > this.keptMs : this.tries >= retries;
        if (this.isOver || !canRetry || isEnough) {
            this.isOver = true;
            return this.tell({ type: "connection", state: "closed", code, reason });
        }
        this.tell({ type: "connection", state: "broken", code, reason });
        const wait = Math.min(4000, 250 * 2 ** this.tries++);
        this.timer = setTimeout(() => this.dial(), wait);
    }
}
