// A call (WebRTC) in the place of a WebSocket: the same messages over a data channel, sound over tracks.

const longestAwayMs = 4000;  // without a packet of the other side

/** What `client.js` takes for a socket. `stream` is the microphone's, if any; `onVoice` gets the machine's. */
export class CallSocket {
  constructor({ url, key, stream, onVoice }) {
    this.readyState = 0;
    this.onopen = this.onmessage = this.onerror = this.onclose = () => {};
    this.peer = new RTCPeerConnection();
    this.channel = this.peer.createDataChannel("hocket");
    this.hasOpened = false;
    this.channel.onopen = () => {
      this.readyState = 1;
      this.hasOpened = true;
      this.onopen();
    };
    // A channel ends without a code: what the server said last tells whether one may come back.
    this.channel.onmessage = (m) => {
      if (m.data.includes('"type":"bye"')) this.bye = JSON.parse(m.data);
      this.onmessage(m);
    };
    this.channel.onclose = () => this.over(this.bye ? 1000 : 1006, this.bye?.reason ?? "the call is over");
    // A browser takes half a minute until it gives up; another network is there in a moment.
    this.peer.onconnectionstatechange = () => {
      clearTimeout(this.away);
      const state = this.peer.connectionState;
      if (state === "failed") this.over(1006, "the call broke");
      if (state === "disconnected") this.away = setTimeout(() => this.over(1006, "the call broke"), longestAwayMs);
    };
    this.peer.ontrack = (e) => onVoice(e.streams[0]);
    // A call that is made again may find the microphone gone: it hears, and `replace` gives it another.
    [this.track] = stream?.getAudioTracks() ?? [];
    this.sender = this.track
      ? this.peer.addTrack(this.track, stream)
      : this.peer.addTransceiver("audio").sender;
    this.connect(url, key).catch((e) => this.over(1006, e.message));
  }

  async connect(url, key) {
    await this.peer.setLocalDescription();
    const headers = { "Content-Type": "application/sdp" };
    if (key) headers.Authorization = "Bearer " + key;
    const answer = await fetch(url, { method: "POST", headers, body: this.peer.localDescription.sdp });
    if (!answer.ok) {
      const why = await answer.json().catch(() => null);
      throw new Error(why?.error?.message ?? `the server answers ${answer.status}`);
    }
    await this.peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  get bufferedAmount() { return this.channel.bufferedAmount; }
  send(text) { this.channel.send(text); }
  /** Another microphone. */
  replace(stream) {
    [this.track] = stream.getAudioTracks();
    return this.sender.replaceTrack(this.track);
  }
  close(code = 1000) { this.over(code, ""); }

  over(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    clearTimeout(this.away);
    this.peer.close();
    // As a WebSocket's: not while `close` is being called.
    setTimeout(() => this.onclose({ code, reason }), 0);
  }
}
