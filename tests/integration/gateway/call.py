#!/usr/bin/env python3
"""Calls (WebRTC) from Chromium, with a file as its microphone and the duplex model behind: Realtime and Live as their
clients in browsers speak them, and the page.

    call.py HOCKET SOURCE FOLDER

Exit status 77: there is no Chromium here, or the gateway says that it serves no calls."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import chromium
from page import becomes, check, count_of, failed, microphone, tried
from served import Served

# What Realtime's and Live's clients in browsers do: one channel, the microphone, the offer at once and without candidates.
REALTIME = """
window.S = {events: [], heard: [], loud: 0, state: ''};
window.call = async () => {
  const pc = S.pc = new RTCPeerConnection();
  pc.onconnectionstatechange = () => { S.state = pc.connectionState; };
  const mic = S.mic = await navigator.mediaDevices.getUserMedia({audio: true, video: S.camera ? {width: 160, height: 120} : false});
  for (const track of mic.getTracks()) pc.addTrack(track, mic);
  const channel = S.channel = pc.createDataChannel('oai-events');
  channel.onmessage = (m) => S.events.push(JSON.parse(m.data));
  channel.onclose = () => { S.closed = true; };
  const context = new AudioContext();
  await context.resume();
  const code = 'registerProcessor("tap", class extends AudioWorkletProcessor { process(i) { if (i[0][0]) this.port.postMessage(i[0][0].slice()); return true; } })';
  await context.audioWorklet.addModule('data:text/javascript,' + encodeURIComponent(code));
  pc.ontrack = (e) => {
    S.streams = e.streams.length;
    const out = new Audio();
    out.srcObject = e.streams[0];
    out.play();
    const tap = new AudioWorkletNode(context, 'tap');
    context.createMediaStreamSource(e.streams[0]).connect(tap).connect(context.destination);
    tap.port.onmessage = ({data}) => {
      const level = Math.sqrt(data.reduce((n, s) => n + s * s, 0) / data.length);
      if (level > 0.01) S.loud += data.length / context.sampleRate;
    };
  };
  await pc.setLocalDescription();
  const sdp = pc.localDescription.sdp, session = {model: 'x', instructions: 'Be brief.'};
  const form = new FormData();
  form.set('sdp', sdp);
  form.set('session', JSON.stringify({type: 'realtime', ...session}));
  const body = JSON.stringify({session, transport: {type: 'webrtc', sdp}});
  const answer = S.live
    ? await fetch('/v1/live/sessions', {method: 'POST', headers: {'Content-Type': 'application/json'}, body})
    : await fetch('/v1/realtime/calls', {method: 'POST', body: form});
  S.status = answer.status;
  S.location = answer.headers.get('Location');
  S.answer = await answer.text();
  if (answer.ok && S.live) S.answer = JSON.parse(S.answer).transport.sdp;
  if (answer.ok) await pc.setRemoteDescription({type: 'answer', sdp: S.answer});
  return S.status;
};
window.types = () => S.events.map((e) => e.type);
"""

ORDER = ["session.created", "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
         "input_audio_buffer.committed", "response.created", "response.output_item.added",
         "response.content_part.added", "output_audio_buffer.started", "response.output_audio_transcript.delta",
         "response.output_audio.done", "response.done", "output_audio_buffer.stopped"]


def place_is_free(browser):
    """Whether a call is taken, where only one may be: who left holds nothing."""
    began = time.monotonic()
    while time.monotonic() < began + 120:
        if browser.run("call()") == 201:
            print(f"      a place was free after {time.monotonic() - began:.1f} s")
            return True
        time.sleep(0.2)
    return False


def realtime(browser, served):
    browser.open(served.url + "/v1/hocket/page")
    browser.run(REALTIME)
    check(place_is_free(browser), "an offer is answered with 201", browser.run("S.answer"))
    check((browser.run("S.location") or "").startswith("/v1/realtime/calls/rtc_"), "Location names the call")
    check("a=msid:" in browser.run("S.answer"), "the answer names a stream")
    check(bool(browser.until("types().includes('session.created')")), "session.created comes over the channel",
          browser.run("S.state"))
    check(browser.run("S.streams") == 1, "the page gets the voice as a stream")
    check(browser.run("S.events[0].session.instructions") == "Be brief.", "the form's session holds")
    check(bool(browser.until("types().includes('output_audio_buffer.stopped')")), "an answer is said to its end",
          json.dumps(browser.run("types()")))
    check(browser.run("S.loud") > 0.4, "it is heard", str(browser.run("S.loud")))
    words = browser.run("S.events.filter(e => e.type === 'response.output_audio_transcript.done').map(e => e.transcript).join(' ')")
    check("fifty six" in words.lower() or "56" in words, "it is the right one", words)
    types = browser.run("types()")
    places = [types.index(t) if t in types else -1 for t in ORDER]
    check(-1 not in places and places == sorted(places), "the events come in their order", json.dumps(types))
    check("response.output_audio.delta" not in types and "error" not in types, "no sound and no error in events")
    tools = json.dumps([{"type": "function", "name": f"f{i}", "description": "x" * 900, "parameters": {}} for i in range(60)])
    browser.run(f"S.channel.send(JSON.stringify({{type: 'session.update', session: {{type: 'realtime', tools: {tools}}}}}))")
    check(bool(browser.until("types().includes('session.updated')")), "a large event comes whole (60 kB)")
    gone = browser.run("fetch(S.location + '/hangup', {method: 'POST'}).then(r => r.status)")
    check(gone == 200, "hang-up is answered", str(gone))
    check(bool(browser.until("S.closed || S.state === 'disconnected' || S.state === 'failed'")), "and ends the call")


def live(browser, served):
    browser.open(served.url + "/v1/hocket/page")
    browser.run(REALTIME)
    browser.run("S.live = true")
    check(place_is_free(browser), "Live: an offer is answered with 201", browser.run("S.answer"))
    check((browser.run("S.location") or "").startswith("/v1/live/sessions/live_"), "Location names the session")
    check(bool(browser.until("types().includes('session.started')")), "session.started comes over the channel",
          browser.run("S.state"))
    check(browser.run("S.events[0].session.instructions") == "Be brief.", "with what was asked for")
    words = "S.events.filter(e => e.type === 'session.output_transcript.delta').map(e => e.delta).join('').toLowerCase()"
    check(bool(browser.until(f"/fifty six|56/.test({words})")), "an answer is said", browser.run(words))
    check(bool(browser.until("S.loud > 0.4")), "it is heard", str(browser.run("S.loud")))
    types = browser.run("types()")
    check("session.output_audio.delta" not in types and "error" not in types, "no sound and no error in events")
    gone = browser.run("fetch(S.location + '/hangup', {method: 'POST'}).then(r => r.status)")
    check(gone == 200, "hang-up is answered", str(gone))
    check(bool(browser.until("types().includes('session.closed')")), "and told")


def leave_in_mid_word(browser, served):
    """Who closes the page while it speaks holds no place: the next one gets it (there is one)."""
    browser.open(served.url + "/v1/hocket/page")
    browser.run(REALTIME)
    browser.run("S.camera = true")
    check(place_is_free(browser), "after hang-up another call is taken")
    check("m=video 9 " in browser.run("S.answer"), "its camera, too")
    check(bool(browser.until("types().includes('input_audio_buffer.speech_started')")), "it hears its person")
    check(becomes(lambda: count_of(served, "door", "pictures") >= 5), "and sees it",
          str(count_of(served, "door", "pictures")))
    browser.open("about:blank")
    browser.open(served.url + "/v1/hocket/page")
    browser.run(REALTIME)
    check(place_is_free(browser), "who left in mid-word holds no place")
    browser.run("S.pc.close()")


def page(browser, served, folder):
    browser.open(served.url + "/")
    browser.until("!document.getElementById('call-label').hidden")
    browser.run("document.getElementById('call').checked = true")
    browser.run("document.getElementById('start').click()")
    browser.until("document.getElementById('consent').open")
    browser.run("document.getElementById('yes').click()")
    captions = "document.getElementById('captions').innerText.toLowerCase()"
    check(bool(browser.until(f"/fifty six|56/.test({captions})")), "the page talks through a call", browser.run(captions))
    loud = "hocket.memory.voices.model.reduce((n, p) => n + p.samples.filter(s => Math.abs(s) > 300).length, 0)"
    check(bool(browser.until(f"{loud} > 3200")), "its answer is heard", browser.run(loud))
    check(browser.run("document.getElementById('out').srcObject.getAudioTracks()[0].remote !== false"), "as a track")
    browser.picture(f"{folder}/call.png")
    browser.run("document.getElementById('forget').click()")
    check(bool(browser.until("hocket.session() === null")), "my session is deleted")
    check(not browser.console, "no error in the page", "; ".join(browser.console))


def main():
    hocket, source, folder = sys.argv[1:4]
    if not chromium.find():
        print("skipped: there is no Chromium here")
        return 77
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    microphone(source, f"{folder}/microphone.wav")
    with Served(hocket, source, f"{folder}/out", "--set", "actors.door.max_sessions=1") as served:
        if "WebRTC is not served" in pathlib.Path(served.out, "serve.txt").read_text():
            print("skipped: this machine has no plugins for WebRTC")
            return 77
        def play(talk):
            # A browser each: the file that its microphone hears begins with it.
            browser = chromium.Chromium(wav=f"{folder}/microphone.wav", more=("--allow-loopback-in-peer-connection",))
            try:
                talk(browser, served)
            finally:
                browser.close()
        for talk in (lambda b, s: page(b, s, folder), realtime, live, leave_in_mid_word):
            tried(lambda: play(talk))
        check(served.stop() == 0, "the server ends in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
