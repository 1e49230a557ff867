"""A `hocket serve` of its own, and a WebSocket client that needs nothing but Python."""

import base64
import json
import os
import pathlib
import select
import socket
import struct
import subprocess
import threading
import time


class Served:
    """`hocket serve GRAPH` at a free port; `out` holds what it writes. Ends in order."""

    def __init__(self, hocket, source, out, *options, graph="configs/graphs/serve.yaml"):
        self.out = pathlib.Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        url_file = self.out / "gateway.url"
        url_file.unlink(missing_ok=True)
        self.log = open(self.out / "serve.txt", "w")
        self.process = subprocess.Popen(
            [hocket, "serve", graph, "--listen", "tcp://127.0.0.1:0", "--plain", "--out", str(self.out), *options],
            cwd=source, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 180
        while not url_file.exists() or not url_file.read_text().endswith("\n"):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("it does not serve:\n" + (self.out / "serve.txt").read_text()[-2000:])
            time.sleep(0.05)
        self.url = url_file.read_text().strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self):
        """The exit code of an orderly end."""
        self.process.terminate()
        try:
            code = self.process.wait(120)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.log.close()
        return code

    def status(self):
        """The run's snapshot."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(120)
            s.connect(str(self.out / "hocket.sock"))
            s.sendall(b"status\n")
            text = b""
            while not text.endswith(b"\n"):
                text += s.recv(1 << 16) or b"\n"
        return json.loads(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


class WebSocket:
    """RFC 6455, as much as a test needs: text both ways. One thread may send while another one receives."""

    def __init__(self, port, path="/v1/hocket", headers=()):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), *headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.buffer, self.whole, self.sending = b"", b"", threading.Lock()
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(4096) or b"\r\n\r\n"
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1]) if head else 0
        self.code = None

    def send(self, event):
        self.frame(1, json.dumps(event).encode())

    def frame(self, opcode, data):
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else
                                         b"\xfe" + struct.pack("!H", size) if size < 65536 else
                                         b"\xff" + struct.pack("!Q", size))
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if size < 4096 else self.masked(mask, data)
        with self.sending:  # of who speaks, and of who answers a ping
            self.socket.sendall(head + mask + masked)

    @staticmethod
    def masked(mask, data):
        whole = int.from_bytes(data, "big") ^ int.from_bytes((mask * (len(data) // 4 + 1))[:len(data)], "big")
        return whole.to_bytes(len(data), "big")

    def have(self, size, until):
        """Waits for that many bytes in the buffer. Nothing is taken out before a frame is whole, so that a limit
        that comes in its middle loses none of it; the socket's own timeout is the sender's."""
        while len(self.buffer) < size:
            if not select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise ConnectionError
            self.buffer += piece

    def take(self, until):
        """(first byte, payload) of the next frame."""
        self.have(2, until)
        begin, size = 2, self.buffer[1] & 0x7F
        if size >= 126:
            begin, form = (4, "!H") if size == 126 else (10, "!Q")
            self.have(begin, until)
            size = struct.unpack(form, self.buffer[2:begin])[0]
        self.have(begin + size, until)
        first, data, self.buffer = self.buffer[0], self.buffer[begin:begin + size], self.buffer[begin + size:]
        return first, data

    def receive(self, limit_s=10):
        """The next event; None after the limit or at the end."""
        until = time.monotonic() + limit_s
        try:
            while True:
                first, data = self.take(until)
                if first & 0x0F == 9:
                    self.frame(10, data)
                elif first & 0x0F == 8:
                    self.code = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
                    return None
                elif first & 0x0F < 8:
                    self.whole += data
                    if first & 0x80:
                        event, self.whole = json.loads(self.whole), b""
                        return event
        except TimeoutError:
            return None
        except ConnectionError:
            self.code = 1006  # as a browser says it: gone without a word
            return None

    def until(self, wanted, limit_s=120):
        """The first event that `wanted` (a type, or a function) names; None where none comes."""
        is_it = wanted if callable(wanted) else lambda e: e.get("type") == wanted
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            event = self.receive(max(0.01, end - time.monotonic()))
            if event is None and (self.code is not None or time.monotonic() >= end):
                return None
            if event is not None and is_it(event):
                return event
        return None

    def close(self):
        self.socket.close()
