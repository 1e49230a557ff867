#!/usr/bin/env python3
"""Health has a listener of its own, which answers while a crowd of silent clients holds it."""

import os
import signal
import socket
import time
import unittest

from support import case, graph, LIVE, main

class health(case):
    def port_of(self, name):
        self.wait_for(lambda: os.path.exists(self.path("o", name)))
        return int(self.read(f"o/{name}").strip().rsplit(":", 1)[1].split("/")[0])

    def ask(self, port, path="/healthz", verb="GET", patience=120):
        end = time.monotonic() + patience
        while True:  # one that gave way to a newcomer asks again, as whoever watches health does
            try:
                return self.ask_once(port, path, verb, patience)
            except ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def ask_once(self, port, path, verb, patience):
        with socket.create_connection(("127.0.0.1", port), patience) as s:
            s.settimeout(patience)
            s.sendall(f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            out = b""
            while more := s.recv(65536):
                out += more
        return out

    def test_it_tells_nothing_else_and_refusals_are_noted(self):
        self.write("g.yaml", graph({"mic": LIVE}))
        run = self.start("run", "g.yaml", "--plain", "--out", "o", "--health", "tcp://127.0.0.1:0")
        port = self.port_of("health.url")
        for path in ("/status", "/metrics", "/", "/healthz/../status", "/healthzz"):
            answer = self.ask(port, path)
            self.assertIn(answer.split(b" ")[1], (b"404", b"400"), path)
        self.assertIn(b" 405 ", self.ask(port, verb="POST"))
        with socket.create_connection(("127.0.0.1", port), 120) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            s.shutdown(socket.SHUT_WR)
            said = b""
            while more := s.recv(4096):  # it may come in pieces
                said += more
            self.assertIn(b" 421 ", said)
        held = []
        # A flood of its own: the one that is silent for longest gives way.
        for _ in range(100):
            s = socket.socket()
            s.settimeout(2)
            try:
                s.connect(("127.0.0.1", port))
                s.sendall(b"GET")
            except OSError:
                pass
            held.append(s)
        self.assertIn(b"200 OK", self.ask(port))
        for s in held:
            s.close()
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=180), 0)
        noted = self.read("o/refusals.jsonl")
        self.assertIn("POST", noted)
        self.assertIn("evil.example", noted)
        self.assertFalse(os.path.exists(self.path("o/metrics.url")))


if __name__ == "__main__":
    main()
