"""As much of ZMTP 3.0 and of our control messages as a stranger needs to get on our nerves."""

import random
import socket
import struct

GREETING = (b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0"
            + bytes(31))


def frame(body, flags=0):
    """One frame; flags: 1 more follow, 4 a command."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def ready(identity):
    def fact(name, value):
        return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
    return frame(b"\x05READY" + fact(b"Socket-Type", b"DEALER") + fact(b"Identity", identity), 4)


class Dealer:
    """A plaintext DEALER that is connected and has shaken hands."""

    def __init__(self, address, timeout_s=60):
        self.socket = socket.create_connection(address, timeout=timeout_s)
        self.socket.sendall(GREETING)
        self._read(64)
        self.socket.sendall(ready(b"stranger" + random.randbytes(8)))
        self.receive()  # the other side's READY

    def send(self, body):
        self.socket.sendall(frame(body))

    def receive(self):
        flags, size = self._read(2)
        if flags & 2:
            size = struct.unpack(">Q", bytes([size]) + self._read(7))[0]
        return self._read(size)

    def _read(self, size):
        out = b""
        while len(out) < size:
            part = self.socket.recv(size - len(out))
            if not part:
                raise ConnectionError("closed")
            out += part
        return out

    def close(self):
        self.socket.close()


# -- graph/schema/wire.proto, by hand

def _varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def _number(field, n):
    return _varint(field << 3) + _varint(n)


def _bytes(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _fixed64(field, n):
    return _varint(field << 3 | 1) + struct.pack("<Q", n)


def hello(connection, host, protocol, graph_hash="", schema_hash=""):
    """ControlFrame{connection, Hello{...}}."""
    body = (_number(1, protocol) + _bytes(2, host.encode()) + _fixed64(3, 99) +
            _bytes(5, graph_hash.encode()) + _bytes(6, schema_hash.encode()))
    return _fixed64(1, connection) + _bytes(2, body)


def beat(connection, number):
    """ControlFrame{connection, Beat{number}}."""
    return _fixed64(1, connection) + _bytes(4, _number(1, number))
