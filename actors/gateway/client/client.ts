/** What the server tells; fields: actors/gateway/schema/hocket.json. */
interface Numbered {
  seq: number;
  at_ms: number;
}
export interface Hello extends Numbered {
  type: "hello";
  protocol: number;
  session: string;
  resume: string | null;
  resumed: boolean;
  /** After coming back: the last event that is not kept any more. */
  lost_to: number | null;
  micro_turn_ms: number;
  sound: { rate_hz: number };
  /** The graph looks at pictures. */
  sees: boolean;
  limits: { session_ms: number; idle_ms: number; resume_ms: number };
}
export interface Voice extends Numbered {
  type: "voice";
  start_ms: number;
  end_ms: number;
  open: boolean;
  audio?: string;
}
export interface Said extends Numbered {
  type: "said";
  text: string;
  start_ms: number;
  end_ms: number;
}
export interface Heard extends Numbered {
  type: "heard";
  text: string;
  start_ms: number;
  end_ms: number;
  final: boolean;
}
export interface Turn extends Numbered {
  type: "turn";
  n: number;
  start_ms: number;
  person: number;
  model_dbfs: number;
  gates: boolean[];
  compute_ms: number;
  batch: number;
}
export interface Delegated extends Numbered {
  type: "delegated";
  id: string;
  task: string;
  offset_ms: number;
  from_ms: number;
  to_ms: number;
}
export interface ToolCalled extends Numbered {
  type: "tool";
  call: string;
  delegation: string | null;
  name: string;
  arguments: string;
  /** True: this client is asked, and answers with `toolResult`. */
  mine: boolean;
}
export interface ToolCancelled extends Numbered {
  type: "tool.cancelled";
  call: string;
}
export interface ToolDone extends Numbered {
  type: "tool.done";
  call: string;
  delegation: string | null;
  name: string;
  outcome: string;
  text: string;
}
export interface Result extends Numbered {
  type: "result";
  delegation: string | null;
  text: string;
}
export interface Interrupted extends Numbered {
  type: "interrupted";
}
export interface Muted extends Numbered {
  type: "muted";
  on: boolean;
}
export interface GraphState extends Numbered {
  type: "graph";
  graph: Record<string, unknown>;
}
export interface Lost extends Numbered {
  type: "lost";
  messages: number;
}
export interface Ending extends Numbered {
  type: "ending";
  reason: string;
  in_ms: number;
}
export interface ModelState extends Numbered {
  type: "model";
  there: boolean;
}
/** A grown-up's, of conversations of minors; `may`: what the policy lets him set. */
export interface Settings extends Numbered {
  type: "settings";
  settings: Record<string, unknown>;
  may: Record<string, unknown>;
}
/** The person asked for that in words: nothing of the session is kept, and it will end. */
export interface Forgotten extends Numbered {
  type: "forgotten";
}
export interface Pong extends Numbered {
  type: "pong";
  t: number;
}
export interface Problem extends Numbered {
  type: "error";
  code: string;
  message: string;
  answers: string | number | null;
}
export interface Bye extends Numbered {
  type: "bye";
  reason: string;
}
export type ServerEvent =
  | Hello | Voice | Said | Heard | Turn | Delegated | ToolCalled | ToolCancelled | ToolDone | Result
  | Interrupted | Muted | GraphState | Lost | Ending | ModelState | Forgotten | Settings | Pong | Problem | Bye;

/** What the client itself tells: how the connection is. */
export interface Connection {
  type: "connection";
  state: "connecting" | "open" | "broken" | "closed";
  /** Of the WebSocket, where it closed. */
  code?: number;
  reason?: string;
}
type EventOf<T extends string> = Extract<ServerEvent | Connection, { type: T }>;

export interface Tool {
  name: string;
  description?: string;
  parameters?: object;
}

/** The part of a WebSocket that is used; a browser's and Node's both have it. */
export interface Socket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((e: any) => void) | null;
  onmessage: ((e: any) => void) | null;
  onclose: ((e: any) => void) | null;
  onerror: ((e: any) => void) | null;
}

export interface Options {
  /** ws://host:port or wss://…; the path is added. */
  url: string;
  key?: string;
  /** Both directions of sound, 8000 to 48000. */
  rateHz?: number;
  instructions?: string;
  tools?: Tool[];
  /** What `resumption()` of an earlier session gave (another page, before a reload): goes on with that one.
   * Where it is over by now a new one begins, and an `error` with the code `cannot_resume` says so. */
  resume?: Resumption;
  /** Tries after a broken connection; the waits between them double from 250 ms to 4 s. Without it: as long as
   * the server keeps the conversation (`hello.limits.resume_ms`), and 20 s at least. */
  retries?: number;
  /** For tests, and where there is no global WebSocket. */
  makeSocket?: (url: string, protocols: string[]) => Socket;
  /** Sound and pictures wait no longer than this in the socket; what is newer is left out, and counted. */
  mostBufferedBytes?: number;
}

/** With what a conversation is gone on with: its key, which holds once, and the last event that was seen. */
export interface Resumption {
  key: string;
  after: number;
}

const open = 1;
const leastTriedMs = 20_000;

/** 16 bit little-endian PCM of samples in [-1, 1], in base64. */
export function encodeSound(samples: Float32Array): string {
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
export function decodeSound(base64: string): Float32Array {
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
  hello: Hello | null = null;
  /** Messages with sound that were left out because the connection did not keep up. */
  droppedSound = 0;
  /** Pictures that were left out for the same reason. */
  droppedPictures = 0;

  private socket: Socket | null = null;
  private key: string | null;
  private seen: number;
  private tries = 0;
  private brokenAt: number | null = null;
  private keptMs = leastTriedMs;
  private isOver = false;
  private forgets = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly handlers = new Map<string, Set<(e: any) => void>>();

  constructor(private readonly options: Options) {
    this.key = options.resume?.key ?? null;
    this.seen = options.resume?.after ?? 0;
  }

  /** With what another `Session` goes on with this one, after a reload of the page; null: none can. */
  resumption(): Resumption | null {
    return this.key && !this.isOver ? { key: this.key, after: this.seen } : null;
  }

  /** Calls `handler` for each event of that type, `*` for all; what comes back ends that. */
  on<T extends (ServerEvent | Connection)["type"]>(type: T, handler: (e: EventOf<T>) => void): () => void;
  on(type: "*", handler: (e: ServerEvent | Connection) => void): () => void;
  on(type: string, handler: (e: any) => void): () => void {
    let all = this.handlers.get(type);
    if (!all) this.handlers.set(type, (all = new Set()));
    all.add(handler);
    return () => void all.delete(handler);
  }

  /** Resolves with the server's hello; rejects where there is none. */
  connect(): Promise<Hello> {
    return new Promise((resolve, reject) => {
      const done = [
        this.on("hello", (h) => (done.forEach((f) => f()), resolve(h))),
        this.on("connection", (c) => {
          if (c.state !== "closed") return;
          done.forEach((f) => f());
          reject(new Error(c.reason || `no connection (${c.code})`));
        }),
      ];
      this.dial();
    });
  }

  sound(samples: Float32Array): void {
    if (!this.hello || !this.socket || this.socket.readyState !== open) return;
    if (this.isBehind()) {
      ++this.droppedSound;
      return;
    }
    this.send({ type: "sound", audio: encodeSound(samples) });
  }
  /** A JPEG or PNG in base64: what is to be seen from now on, for a moment (a camera sends the next). */
  picture(image: string): void {
    if (!this.hello || !this.socket || this.socket.readyState !== open) return;
    if (this.isBehind()) ++this.droppedPictures;
    else this.send({ type: "picture", image });
  }
  text(text: string): void { this.send({ type: "text", text }); }
  interrupt(): void { this.send({ type: "interrupt" }); }
  mute(on: boolean): void { this.send({ type: "mute", on }); }
  tools(tools: Tool[]): void { this.send({ type: "tools", tools }); }
  toolResult(call: string, text: string): void { this.send({ type: "tool.result", call, text }); }
  /** Snapshots of the run, that often; 0: no more. */
  graph(everyMs: number): void { this.send({ type: "graph", every_ms: everyMs }); }
  /** A grown-up's key; what he changes, or nothing to look. Answered with `settings`, or an `error`. */
  settings(key: string, set?: object): void { this.send({ type: "settings", key, ...(set ? { set } : {}) }); }
  ping(): void { this.send({ type: "ping", t: performance.now() }); }
  /** Ends the session; nobody can go on with it. A connection that is broken is made again for that: `bye`
   * with the reason `forgotten` says that the server has done it, "closed" without it that it has not. */
  forget(): void {
    const isBroken = this.key && (!this.socket || this.socket.readyState !== open);
    if (isBroken && !this.isOver) this.forgets = true;
    else this.end("forget");
  }
  close(): void { this.end("end"); }

  private isBehind(): boolean {
    return this.socket!.bufferedAmount > (this.options.mostBufferedBytes ?? 256 * 1024);
  }

  private end(type: string): void {
    if (this.isOver) return;
    const socket = this.socket;
    this.send({ type });
    this.isOver = true;
    clearTimeout(this.timer);
    // The server closes; where it does not, we do.
    if (socket && socket.readyState <= open) setTimeout(() => socket.close(1000), 1000);
    else this.tell({ type: "connection", state: "closed", code: 1000 });
  }

  private send(event: object): boolean {
    if (!this.socket || this.socket.readyState !== open || this.isOver) return false;
    this.socket.send(JSON.stringify(event));
    return true;
  }

  private tell(e: ServerEvent | Connection): void {
    for (const type of [e.type, "*"])
      for (const handler of [...(this.handlers.get(type) ?? [])]) handler(e);
  }

  private dial(): void {
    const { url, key, makeSocket } = this.options;
    const protocols = ["hocket", ...(key ? ["hocket-key." + key] : [])];
    const make = makeSocket ?? ((u, p) => new WebSocket(u, p) as unknown as Socket);
    this.tell({ type: "connection", state: "connecting" });
    // Named here, too: who goes on needs no other place than the one that his conversation has.
    const query = this.key ? "?resume=" + encodeURIComponent(this.key) : "";
    const socket = make(url.replace(/\/+$/, "") + "/v1/hocket" + query, protocols);
    this.socket = socket;
    socket.onopen = () => this.start();
    socket.onmessage = (m) => {
      if (socket === this.socket) this.receive(String(m.data));
    };
    socket.onerror = () => {};
    socket.onclose = (c) => {
      if (socket === this.socket) this.lost(c.code, c.reason);
    };
  }

  private start(): void {
    const { rateHz, instructions, tools } = this.options;
    const key = this.key;
    this.send({
      type: "start",
      ...(rateHz ? { sound: { rate_hz: rateHz } } : {}),
      ...(key ? { resume: { key, after: this.seen } } : { instructions, tools }),
    });
  }

  private receive(text: string): void {
    const e = JSON.parse(text) as ServerEvent;
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
      if (this.key) this.send({ type: "seen", seq: this.seen });
      if (this.forgets) return this.end("forget");
      this.tell({ type: "connection", state: "open" });
      return this.tell(e);
    }
    if (e.type !== "bye" && e.seq <= this.seen) return;
    this.seen = e.seq;
    // Nobody goes on with it: a break ends it, and nothing begins anew.
    if (e.type === "forgotten") this.key = null;
    if (e.type === "bye") this.isOver = true;
    this.tell(e);
  }

  private lost(code: number, reason: string): void {
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
