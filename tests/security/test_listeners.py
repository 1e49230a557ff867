#!/usr/bin/env python3
"""Every listener of a run, found by the kernel and not by a list: who reaches it, and what it takes."""

import os
import signal
import socket
import stat
import unittest

from support import case, graph, LIVE, main, status

GRAPH = graph({"mic": LIVE, "keys": "{component: text.console, print: false, script: ['3000 bye']}",
               "door": "{component: gateway.door, listen: 'tcp://127.0.0.1:0', inputs: {audio: mic.audio}}"})
LISTENS = "0A"
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
# What no client says; each row: what is sent, and what may come back (b"": the connection ends without a word).
RUBBISH = {
    "nothing": (b"", (b"",)),
    "noise": (os.urandom(4096), (b"", b"HTTP/1.1 4", b"\x15\x03")),
    "zeros": (bytes(4096), (b"", b"HTTP/1.1 4")),
    "a head without end": (HEAD + b"X: " + b"a" * 70_000, (b"HTTP/1.1 431",)),
    "a thousand headers": (HEAD + b"X: y\r\n" * 9_000 + b"\r\n", (b"HTTP/1.1 431",)),
    "two hosts": (HEAD + b"Host: localhost\r\n\r\n", (b"HTTP/1.1 400",)),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", (b"HTTP/1.1 400",)),
    "another host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", (b"HTTP/1.1 421",)),
    "a host by rebinding": (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"HTTP/1.1 421",)),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", (b"HTTP/1.1 400",)),
    "a length and chunks": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                            (b"HTTP/1.1 4", b"HTTP/1.1 501")),
    "a chunk of 2^64 bytes": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n", (b"HTTP/1.1 4",)),
    "a body of a terabyte": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1099511627776\r\n\r\n", (b"HTTP/1.1 4",)),
    "a proxy's request": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", (b"HTTP/1.1 4",)),
    "trace": (b"TRACE / HTTP/1.1\r\nHost: localhost\r\nCookie: a\r\n\r\n", (b"HTTP/1.1 40",)),
    "a page of elsewhere": (HEAD + b"Origin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                   b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", (b"HTTP/1.1 403",)),
    "a path that climbs": (b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"HTTP/1.1 40",)),
    "a path that climbs in disguise": (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"HTTP/1.1 40",)),
    "lines in a path": (b"GET /a%0d%0aSet-Cookie:%20x HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"HTTP/1.1 40",)),
}


class listeners(case):
    def setUp(self):
        super().setUp()
        self.write("g.yaml", GRAPH)
        self.run = self.start("run", "g.yaml", "--out", "o", "--plain", "--metrics", "tcp://127.0.0.1:0", "--health", "tcp://127.0.0.1:0",
                              "--foxglove", "tcp://127.0.0.1:0")
        self.wait_for(lambda: all(os.path.exists(self.path("o", f)) for f in ("hocket.sock", "metrics.url", "gateway.url", "health.url", "foxglove.url")))

    def inodes(self):
        """Of the sockets that the run has open."""
        at = f"/proc/{self.run.pid}/fd"
        found = set()
        for fd in os.listdir(at):
            try:
                link = os.readlink(os.path.join(at, fd))
            except OSError:  # closed since the folder was listed
                continue
            if link.startswith("socket:["):
                found.add(link[8:-1])
        return found

    def inet(self, table):
        """(address in hexadecimal, port, state) of the run's sockets."""
        own = self.inodes()
        with open(f"/proc/{self.run.pid}/net/{table}") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        return [(*row[1].split(":"), row[3]) for row in rows if row[9] in own]

    def say(self, port, words):
        with socket.create_connection(("127.0.0.1", port), 120) as s:
            try:
                s.sendall(words)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has heard enough: what it answered is there all the same
            said = b""
            try:
                while more := s.recv(4096):  # it may come in pieces
                    said += more
            except ConnectionResetError:
                pass
            return said

    def test_each_is_of_this_machine_alone_and_takes_no_rubbish(self):
        ports = []
        for table, loopback in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
            for address, port, state in self.inet(table):
                if state == LISTENS:
                    self.assertEqual(address, loopback, f"{table} {port}")
                    ports.append(int(port, 16))
        self.assertEqual(len(ports), 4)  # metrics, health, viewers, the door
        for table in ("udp", "udp6", "raw", "raw6"):
            self.assertEqual(self.inet(table), [])
        own = self.inodes()
        with open("/proc/net/unix") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        named = [row[7] for row in rows if row[6] in own and len(row) > 7 and int(row[3], 16) & 0x10000]
        self.assertTrue(named)
        for name in named:
            self.assertFalse(name.startswith("@"), name)  # no mode keeps anybody from one without a file
            at = os.path.join(self.folder, "o", os.path.basename(name).removesuffix(".new"))
            self.assertEqual(stat.S_IMODE(os.stat(at).st_mode), 0o600, name)
        for port in ports:
            for what, (words, answers) in RUBBISH.items():
                with self.subTest(what=what, port=port):
                    said = self.say(port, words)
                    self.assertTrue(any(said.startswith(a) if a else not said for a in answers), said[:200])
                    self.assertNotIn(b"root:", said)
                    self.assertNotIn(b"Set-Cookie", said.split(b"\r\n\r\n")[0])
        self.assertIn("actors", status(self.path("o/hocket.sock")))
        self.run.send_signal(signal.SIGINT)
        self.assertEqual(self.run.wait(180), 0)


if __name__ == "__main__":
    main()
