#!/usr/bin/env python3
"""More of each kind, as tables: what an attacker can put where a name, a file or a request is read.

Each row is a case; rows share one program, or one run, where they can."""

import os
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import case, graph, HOCKET, LIVE, main, MIC, status

# An absolute name outside any folder of a case.
ESCAPE = os.path.join(tempfile.gettempdir(), "hocket-escape.wav")
ESC = "\x1b]0;owned\x07\x1b[2J\u202e\u0085"
LONG = "x" * 100_000


def holds(data):
    def make(path):
        with open(path, "wb") as f:
            f.write(data)
    return make


# What can lie under a name: how it is put there, and whether reading it must fail.
ODD_FILES = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "endless zeros": lambda p: os.symlink("/dev/zero", p),
    "a terminal": lambda p: os.symlink("/dev/tty", p),
    "a loop of links": lambda p: os.symlink(os.path.basename(p), p),
    "a link to nothing": lambda p: os.symlink("/nowhere/at/all", p),
    "nothing in it": holds(b""),
    "zeros": holds(bytes(70_000)),
    "noise": holds(bytes((i * 197 + (i >> 3)) & 255 for i in range(70_000))),
    "sizes that lie": holds(b"\x89MCAP0\r\n" + b"\x01" + b"\xff" * 8 + b"x" * 64),
    "a header that lies": holds(struct.pack("<Q", 1 << 62) + b"{}"),
}


class odd_files(case):
    """Every command that reads a file, and every kind of file that is none."""

    READERS = [["validate", "{}"], ["run", "{}", "--out", "o"], ["export", "systemd", "{}", "--out", "e"],
               ["record", "info", "{}"], ["record", "recover", "{}", "{}.again.mcap"], ["replay", "{}", "--out", "r"],
               ["run", "host.yaml", "--host", "a", "--secret-key", "{}", "--out", "h"],
               ["run", "good.yaml", "--allow", "{}", "--out", "w"], ["run", "good.yaml", "--plugin", "{}", "--out", "p"]]

    def test_each_ends_with_words_and_writes_nothing_elsewhere(self):
        self.write("good.yaml", graph({"mic": MIC}))
        self.hocket("keys", "a", "--dir", "keys", code=0)
        self.write("host.yaml", graph({"mic": MIC.replace("gst,", "gst, on: a,")},
                                      "hosts: {a: {listen: tcp://127.0.0.1:1, key: keys/a.pub}}\n"))
        for kind, make in ODD_FILES.items():
            make(self.path(kind.replace(" ", "_")))

        def one(row):
            name, reader = row
            done = subprocess.run([HOCKET, *(a.format(name) for a in reader)], cwd=self.folder, timeout=300,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return reader, name, done

        rows = [(kind.replace(" ", "_"), reader) for kind in ODD_FILES for reader in self.READERS
                if kind != "nothing in it" or "--allow" not in reader]  # an empty list allows nothing: fine
        with ThreadPoolExecutor(2) as pool:
            for reader, name, done in pool.map(one, rows):
                with self.subTest(file=name, command=reader):
                    self.assertGreater(done.returncode, 0, done.stdout[-300:])
                    self.assertLess(done.returncode, 126, done.stdout[-300:])
                    self.assertTrue(done.stdout.strip())
                    self.assertLess(len(done.stdout), 20_000)


class names(case):
    """Words of a graph that become names of files, lines of units, titles of screens."""

    NAMES = ["../x", ESCAPE, "a/../../x.wav", "./../x.wav", "..", ".", "a/", "", "a\nb.wav", "a\x00b",
             ESC + ".wav", "o/../../x.wav", "link/x.wav", "~/x.wav", "$HOME/x.wav", "`id`.wav", "a;b.wav", "-rf.wav", LONG + ".wav"]

    def test_a_file_of_a_graph_lies_beneath_the_output_folder(self):
        os.makedirs(self.path("out"))
        os.makedirs(self.path("home"))
        os.symlink(self.path("home"), self.path("out/link"))
        for name in self.NAMES:
            with self.subTest(name=name[:40]):
                quoted = "".join(c if 31 < ord(c) < 127 and c not in '"\\' else "\\u%04x" % ord(c) for c in name)
                self.write("g.yaml", graph({"mic": MIC, "wav": '{component: record.wav, file: "%s", '
                                                               "inputs: {person: mic.audio}}" % quoted}))
                done = self.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "out", "--no-picture")
                self.assertNotIn("\x1b", done.stdout)
                self.assertNotIn("\u202e", done.stdout)
                outside = {f for f in self.files() if not (f + "/").startswith("out/")} - {"g.yaml", "home"}
                self.assertEqual(outside, set())
                self.assertFalse(os.path.exists(ESCAPE))

    def test_words_move_no_cursor_and_make_no_lines(self):
        words = "\\u001b]0;owned\\u0007\\u001b[2J\\u202e\\u0085\\nExecStart=/bin/evil\\nkind: Secret"
        rows = [f'hocket: 1\nname: "{words}"\nactors: {{mic: {MIC}}}\n',
                f'hocket: 1\nname: a\nactors: {{"{words}": {MIC}}}\n',
                f'hocket: 1\nname: a\nactors: {{mic: {{component: "{words}"}}}}\n',
                f'hocket: 1\nname: a\n"{words}": 1\nactors: {{mic: {MIC}}}\n',
                f'hocket: 1\nname: a\nparams: {{"{words}": 1}}\nactors: {{mic: {MIC}}}\n',
                f'hocket: 1\nname: a\nhosts: {{"{words}": {{listen: "{words}"}}}}\nactors: {{mic: {MIC}}}\n',
                f'hocket: 1\nname: a\nplugins: ["{words}"]\nactors: {{mic: {MIC}}}\n',
                f'hocket: 1\nname: a\nactors: {{ears: {{component: audio.dmel, inputs: {{audio: "{words}"}}}}}}\n',
                f'hocket: 1\nname: a\nactors: {{ears: {{include: {{file: "{words}"}}}}}}\n',
                f'hocket: 1\nname: a\nactors: {{mic: {{component: capture.gst, file: "{words}"}}}}\n',
                f'hocket: 1\nname: "${{env:EVIL}}"\nactors: {{mic: {MIC}}}\n']
        for number, row in enumerate(rows):
            self.write("g.yaml", row)
            for command in (["graph"], ["export", ("systemd", "kubernetes")[number % 2], "--out", "e"],
                            ["run", "--virtual", "--plain", "--out", "o"]):
                with self.subTest(row=number, command=command):
                    done = self.hocket(command[0], *command[1:2] if command[0] == "export" else [], "g.yaml",
                                       *(command[2:] if command[0] == "export" else command[1:]), env={"EVIL": ESC})
                    for sign in ("\x1b", "\x07", "\u202e", "\u0085"):
                        self.assertNotIn(sign, done.stdout)
            for name in self.files("e") if os.path.exists(self.path("e")) else ():
                if os.path.isfile(self.path(name)):
                    lines = self.read(name).splitlines()
                    self.assertFalse([l for l in lines if l.startswith(("ExecStart=/bin/evil", "kind: Secret"))], name)


class planted(case):
    """What another user can put where a run writes: nothing is written through, or believed."""

    def test_each_name_of_a_run(self):
        self.write("g.yaml", graph({"mic": MIC, "wav": "{component: record.wav, inputs: {person: mic.audio}}"}))
        options = ["--plain", "--virtual", "--out", "o", "--record", "o/r.mcap", "--trace", "o/t.json"]
        victims = ("events.jsonl", "conversation.wav", "conversation.svg", "conversation.png", "hocket.sock", "r.mcap",
                   "t.json", "revisions", "refusals.jsonl")
        for number, name in enumerate(victims):
            for kind in ("link", "dangling", "hard")[number % 3 % 2:]:
                with self.subTest(name=name, kind=kind):
                    os.makedirs(self.path("o"))
                    self.write("precious", "mine")
                    os.chmod(self.path("precious"), 0o644)
                    if kind == "hard":
                        os.link(self.path("precious"), self.path("o", name))
                    else:
                        os.symlink(self.path("precious" if kind == "link" else "made"), self.path("o", name))
                    self.hocket("run", "g.yaml", *options)
                    self.assertEqual(self.read("precious"), "mine")
                    self.assertEqual(stat.S_IMODE(os.stat(self.path("precious")).st_mode), 0o644)
                    self.assertFalse(os.path.lexists(self.path("made")))
                    subprocess.run(["rm", "-rf", self.path("o")], check=True)

    def test_pipes_do_not_hold_a_run(self):
        self.write("g.yaml", graph({"mic": MIC}))
        # What --record and --trace name may be a pipe: that is for who named it.
        for name in ("events.jsonl", "hocket.sock", "conversation.svg", "revisions"):
            with self.subTest(name=name):
                os.makedirs(self.path("o"), exist_ok=True)
                os.mkfifo(self.path("o", name))
                self.hocket("run", "g.yaml", "--plain", "--virtual", "--out", "o")
                subprocess.run(["rm", "-rf", self.path("o")], check=True)


class doors(case):
    """What is said to the status socket and to the HTTP door of one run: it answers on."""

    def test_whatever_is_said_the_run_answers_on(self):
        self.write("g.yaml", graph({"mic": LIVE}))
        run = self.start("run", "g.yaml", "--plain", "--out", "o", "--metrics", "tcp://127.0.0.1:0")
        path = self.path("o/hocket.sock")
        self.wait_for(lambda: os.path.exists(path) and os.path.exists(self.path("o/metrics.url")))
        port = int(self.read("o/metrics.url").strip().rsplit(":", 1)[1].split("/")[0])
        said = [b"\n" * 1000, b"\x00" * 4096, b"status", b"status\x00\n", b"rewire\n", b"rewire {}\n", b"rewire []\n",
                b'rewire {"text":"' + b"[" * 50_000 + b'"}\n', b"rewire " + b'{"a":' * 20_000 + b"\n", b"A" * 3_000_000 + b"\n",
                b'rewire {"text":"hocket: 1","file":"\x1b[2J","at_s":1e308}\n', b'rewire {"text":1,"file":{},"includes":7}\n',
                b"cancel 99999999999999999999\n", b"\xff\xfe status\n"]
        for words in said:
            with self.subTest(socket=words[:24]), socket.socket(socket.AF_UNIX) as s:
                s.settimeout(120)
                s.connect(path)
                try:
                    s.sendall(words)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except OSError:
                    pass
                self.assertIn("links", status(path))
        ours = b"Host: 127.0.0.1\r\n"
        asked = [b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"GET /status HTTP/1.1\r\n\r\n",
                 b"GET /../../etc/passwd HTTP/1.1\r\n" + ours + b"\r\n", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + ours + b"\r\n",
                 b"POST /status HTTP/1.1\r\n" + ours + b"Content-Length: 99999999999\r\n\r\n",
                 b"POST /rewire HTTP/1.1\r\n" + ours + b"Content-Length: 2\r\n\r\n{}", b"DELETE / HTTP/1.1\r\n" + ours + b"\r\n",
                 b"GET /status HTTP/1.1\r\n" + ours + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nfff",
                 b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
                 b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + ours + b"\r\n", b"GET / HTTP/1.1\r\n" + ours + b"X: " + b"a" * 100_000,
                 b"GET / HTTP/1.1\r\n" + ours + b"A: b\r\n" * 10_000 + b"\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x00" * 5000,
                 b"GET http://evil.example/status HTTP/1.1\r\n" + ours + b"\r\n",
                 b"GET /status HTTP/1.1\r\n" + ours + b"Origin: http://evil.example\r\n\r\n",
                 b"GET /status HTTP/1.1\r\n" + ours + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                 b"OPTIONS * HTTP/1.1\r\n" + ours + b"\r\n", b"GET /healthz\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        for words in asked:
            with self.subTest(http=words[:60]):
                answer = self.ask(port, words)
                self.assertNotIn(b"root:", answer)
                if b"evil.example" in words and b"Origin" not in words:
                    self.assertNotIn(b"200 OK", answer)
                if b"Origin" in words:  # no page of elsewhere may read it
                    self.assertNotIn(b"Access-Control-Allow-Origin", answer)
                if words.split(b" ")[0] in (b"POST", b"DELETE"):
                    self.assertNotIn(b"200 OK", answer)
                self.assertIn(b"200 OK", self.ask(port, b"GET /healthz HTTP/1.1\r\n" + ours + b"Connection: close\r\n\r\n"))
        self.assertIsNone(run.poll())
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=180), 0)

    def ask(self, port, words):
        out = b""
        with socket.create_connection(("127.0.0.1", port), 120) as s:
            s.settimeout(120)
            try:
                s.sendall(words)
                s.shutdown(socket.SHUT_WR)
                end = time.monotonic() + 120
                while time.monotonic() < end and len(out) < 1 << 20:
                    more = s.recv(65536)
                    if not more:
                        break
                    out += more
            except OSError:
                pass
        return out


if __name__ == "__main__":
    main()
