"""What the cases share: a folder of their own, the program, recordings with another graph inside."""

import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

HOCKET = os.environ.get("HOCKET", "hocket")
SOURCE = os.environ.get("HOCKET_SOURCE", os.getcwd())

# Sound that comes from nowhere but the program itself.
MIC = '{component: capture.gst, pipeline: "audiotestsrc num-buffers=40 ! audioconvert ! audioresample"}'
LIVE = '{component: capture.gst, pipeline: "audiotestsrc is-live=true ! audioconvert ! audioresample"}'


def graph(actors, more=""):
    """A graph file's text; `actors`: name -> flow map."""
    lines = "".join(f"  {name}: {text}\n" for name, text in actors.items())
    return f"hocket: 1\nname: case\n{more}actors:\n{lines}"


class case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-security-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.started = []

    def tearDown(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def hocket(self, *arguments, env=None, cwd=None, code=None):
        """Runs the program in the case's folder; stdout and stderr together."""
        done = subprocess.run([HOCKET, *arguments], cwd=cwd or self.folder, text=True, errors="replace",
                              env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=300)
        self.assertGreaterEqual(done.returncode, 0, f"{arguments}: a signal: {done.stdout}")
        if code is not None:
            self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}")
        return done

    def start(self, *arguments, env=None, preexec_fn=None):
        process = subprocess.Popen([HOCKET, *arguments], cwd=self.folder, text=True, errors="replace",
                                   env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                   preexec_fn=preexec_fn)
        self.started.append(process)
        return process

    def wait_for(self, what, seconds=180):
        """Until what() is true: a condition, so that a slow machine only takes longer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return
            for process in self.started:
                if process.poll() not in (None, 0):
                    self.fail(f"ended with {process.returncode}: {process.stdout.read()}")
            time.sleep(0.05)
        self.fail("nothing came")

    def files(self, folder="."):
        """Every file and folder below, relative to the case's folder."""
        out = set()
        for at, folders, names in os.walk(self.path(folder)):
            for name in folders + names:
                out.add(os.path.relpath(os.path.join(at, name), self.folder))
        return out

    def library(self, source, name, *flags):
        """A shared library from C++ source."""
        path = self.write(name + ".cpp", source)
        out = self.path(name)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-O0", "-shared", "-fPIC", "-I", SOURCE,
                        path, "-o", out, *flags], check=True, timeout=600)
        os.remove(path)
        return out

    def others_may_read(self, folder):
        """What anybody but the owner could read or enter."""
        found = []
        for name in sorted(self.files(folder)):
            mode = os.lstat(self.path(name)).st_mode
            if stat.S_IMODE(mode) & 0o077 and not stat.S_ISLNK(mode):
                found.append(f"{stat.filemode(mode)} {name}")
        return found


def with_graph(recording, text):
    """The bytes of a recording with another graph inside, as anybody can make it."""
    data, out = recording, bytearray(recording[:8])
    body = text.encode()
    at = 8

    def sized(b):
        return struct.pack("<I", len(b)) + b

    while at + 9 <= len(data) - 8:
        op, n = data[at], struct.unpack("<Q", data[at + 1:at + 9])[0]
        b = data[at + 9:at + 9 + n]
        at += 9 + n
        if op == 9:
            length = struct.unpack("<I", b[16:20])[0]
            name = b[20:20 + length]
            if b"graph" in name:
                b = b[:16] + sized(name) + sized(b"application/yaml") + struct.pack("<Q", len(body)) + body
                b += struct.pack("<I", zlib.crc32(b))
        out += bytes([op]) + struct.pack("<Q", len(b)) + b
    return bytes(out + data[-8:])


def status(socket_path):
    import socket
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(120)
        s.connect(socket_path)
        s.sendall(b"status\n")
        line = s.makefile().readline()
        if not line:
            raise ConnectionError(f"{socket_path}: the run has ended")
        return json.loads(line)


def main():
    """Runs the cases; 77 where one could not be tried here and none failed: ctest tells that as skipped."""
    done = unittest.main(exit=False).result
    sys.exit(1 if not done.wasSuccessful() else 77 if done.skipped else 0)
