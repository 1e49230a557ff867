#!/usr/bin/env python3
"""The package by itself: declarations, settings, harness, and payloads to bytes and back."""

import json
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from typing import Annotated, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import hocket  # noqa: E402
from hocket import Audio, Component, ComponentError, Harness, Text, Tool, ToolHarness, port, setting  # noqa: E402
from hocket import _describe, _frames, _memory, _wire, payloads  # noqa: E402

np = _wire.np


class Echo(Component):
    """Says everything twice.

    More for people."""

    inputs = {"words": port(Text, "what is said")}
    outputs = {"words": port(Text)}
    times: int = setting(2, "how often", min=1, max=5)
    mode: str = setting("loud", "how", choices=["loud", "soft"])
    gain_db: float = setting(doc="needed", unit="dB")

    def process(self, port, packet):
        for _ in range(self.times):
            self.emit("words", Text(f"{self.mode} {packet.payload.value}"))
        self.count("said", self.times)


class Sums(Component):
    """Sums of micro-turns."""

    inputs = {"a": port(Text), "b": port(Text, required=False)}
    outputs = {"words": port(Text)}
    policy = "micro_turn"
    ticks = True

    def process_sets(self, sets):
        for s in sets:
            self.run(lambda k=s.micro_turn: self.emit("words", Text(f"task {k}")))
            self.emit("words", Text(f"{len(s.inputs['a'])} {sorted(s.missing)}"), ts=s.start)

    def tick(self, micro_turn):
        self.emit("words", Text(f"tick {micro_turn}"))


class Counter(Component):
    """A source."""

    outputs = {"words": port(Text)}
    source = True
    n = 0

    def produce(self, until):
        while self.n < 3 and self.n * 20_000_000 < until:
            self.emit("words", Text(str(self.n)), ts=self.n * 20_000_000)
            self.n += 1
        return self.n < 3


class Dice(Tool):
    """Rolls dice."""

    def call(self, sides: Annotated[int, "how many sides"] = 6, kind: Literal["fair", "loaded"] = "fair") -> str:
        return f"{kind} {sides}"

    def arguments_for(self, task):
        return {"sides": 20} if "twenty" in task else None


class Declarations(unittest.TestCase):
    def test_component(self):
        d = _describe.component("m", Echo)
        self.assertEqual(d["type"], "python.m.Echo")
        self.assertEqual(d["summary"], "Says everything twice.")
        self.assertEqual([c["name"] for c in d["config"]], ["times", "mode", "gain_db"])
        self.assertTrue(d["config"][2]["required"])

    def test_tool(self):
        d = _describe.tool(Dice)
        self.assertEqual(d["name"], "dice")
        self.assertTrue(d["knows_tasks"])
        self.assertEqual(d["parameters"]["properties"]["sides"], {"type": "integer", "description": "how many sides"})
        self.assertEqual(d["parameters"]["properties"]["kind"], {"enum": ["fair", "loaded"]})
        self.assertNotIn("required", d["parameters"])

    def test_module(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "one_module.py"
            file.write_text(textwrap.dedent("""
                import hocket
                class _Hidden(hocket.Tool): pass
                class Thing(hocket.Component):
                    "A thing."
            """))
            m = _describe.manifest(str(file), "digest")
            self.assertEqual([c["type"] for c in m["components"]], ["python.one_module.Thing"])
            self.assertEqual(m["tools"], [])
            file.write_text("x = 1\n")
            with self.assertRaisesRegex(ValueError, "no class derives"):
                _describe.manifest(str(file), "digest")

    def test_bad_declarations(self):
        with self.assertRaisesRegex(TypeError, "is no payload"):
            port(str)
        with self.assertRaisesRegex(ValueError, "queue_full"):
            port(Text, queue_full="sometimes")
        bad = type("Bad", (Component,), {"policy": "whenever"})
        with self.assertRaisesRegex(ValueError, "whenever"):
            Harness(bad)


class Settings(unittest.TestCase):
    def finding(self, **given):
        with self.assertRaises(ComponentError) as caught:
            Harness(Echo, **given)
        return str(caught.exception)

    def test_findings(self):
        self.assertIn("did you mean `gain_db`?", self.finding(gain_bd=1.0))
        self.assertIn("`gain_db` is missing [config.missing-key]", self.finding())
        self.assertIn("must be a number, not a string [config.type]", self.finding(gain_db="loud"))
        self.assertIn("[config.range]", self.finding(gain_db=1, times=6))
        self.assertIn("`shrill` is none of loud, soft [config.choice]", self.finding(gain_db=1, mode="shrill"))
        self.assertIn("must be an integer", self.finding(gain_db=1, times=True))

    def test_all_at_once(self):
        self.assertEqual(self.finding(times=9, mode="x", y=1).count("[config."), 4)


class InTheHarness(unittest.TestCase):
    def test_packets(self):
        h = Harness(Echo, gain_db=1)
        h.open()
        h.push("words", Text("hello"), ts_ms=40)
        self.assertEqual([p.payload.value for p in h.outputs("words")], ["loud hello"] * 2)
        self.assertEqual(h.outputs("words")[0].ts, 40_000_000)
        self.assertEqual(h.counters["said"], 2)
        h.close()
        self.assertEqual(h.violations, [])

    def test_sets(self):
        h = Harness(Sums)
        h.open()
        h.push("a", Text("x"), ts_ms=10)
        h.advance_to(400)
        said = [p.payload.value for p in h.outputs("words")]
        self.assertEqual(said, ["1 ['b']", "task 0", "tick 0", "0 ['a', 'b']", "task 1", "tick 1"])

    def test_source(self):
        h = Harness(Counter)
        h.open()
        h.advance_to(30)
        self.assertEqual(len(h.outputs("words")), 2)
        h.advance_to(1000)
        self.assertEqual(len(h.outputs("words")), 3)

    def test_faults_are_told(self):
        class Wrong(Component):
            """Emits what it does not declare."""

            inputs = {"words": port(Text)}
            outputs = {"words": port(Text)}

            def process(self, port, packet):
                self.emit("words", payloads.Control("stop"), ts=-packet.ts)

        h = Harness(Wrong)
        h.push("words", Text("a"), ts_ms=1)
        h.push("words", Text("b"), ts_ms=2)
        self.assertEqual(len(h.violations), 3)
        with self.assertRaisesRegex(KeyError, "inputs: words"):
            h.push("word", Text("a"))

    def test_tool(self):
        t = ToolHarness(Dice)
        self.assertEqual(t.call(sides=8), "fair 8")
        self.assertEqual(t.arguments_for("roll a twenty sided one"), {"sides": 20})
        with self.assertRaisesRegex(TypeError, "arguments: sides, kind"):
            t.call(side=1)


def samples(n, channels=1):
    if np is None:
        import array
        return memoryview(array.array("f", [0.5] * (n * channels)))
    return np.full((n, channels), 0.5, "f4")


class Bytes(unittest.TestCase):
    def back(self, payload):
        from hocket.harness import _copy
        return _copy(payload)

    def test_all_payloads(self):
        for payload in (
            Text("é" * 50, "model", 1 << 63, False), payloads.ToolCall("dice", '{"a": 1}', 3, 4),
            payloads.ToolResult("dice", "6", "timed_out", 3, 4),
            payloads.Delegation("roll", 7, "cancel", "said", -1, -(1 << 40), 5),
            payloads.Control("played", "x", -5),
        ):
            self.assertEqual(self.back(payload), payload)

    def test_arrays(self):
        a = self.back(Audio(samples(160, 2), 48000, 2, first_sample=1 << 40))
        self.assertEqual((a.rate_hz, a.channels, a.first_sample, _wire.nbytes(a.samples)), (48000, 2, 1 << 40, 1280))
        if np is None:
            return
        v = self.back(hocket.Video(np.arange(24, dtype="u1").reshape(2, 4, 3)))
        self.assertEqual((v.width, v.height, v.pixels[1, 3, 2]), (4, 2, 23))
        for kind in ("u1", "i4", "i8", "f2", "f4", "f8"):
            t = self.back(hocket.Tensor(np.arange(6, dtype=kind).reshape(2, 3)))
            self.assertEqual((t.shape, float(t.data[1, 2])), ((2, 3), 5.0))
        e = self.back(payloads.TrainingExample([("x", hocket.Tensor(np.ones(3, "f4")))], "own"))
        self.assertEqual((e.tensors[0][0], e.provenance), ("x", "own"))
        for one in (np.array(3, "f4"), np.float32(3), 3.0):
            self.assertEqual(self.back(hocket.Tensor(one, "f32")).shape, (1,))
        t = self.back(hocket.Tensor(np.ones(10, "f4"), "f32", (np.int64(5), np.int64(2))))
        self.assertEqual(t.data.shape, (5, 2))
        w = self.back(payloads.Adapter("a", np.arange(10, dtype="u1")[::-1])).weights
        self.assertEqual(bytes(w), bytes(range(9, -1, -1)))
        with self.assertRaisesRegex(ValueError, "complex"):
            self.back(hocket.Tensor(np.ones(3, "c8")))

    def test_numbers_arrive_as_they_are_or_not_at_all(self):
        for n in (0, 1, -1, (1 << 62) - 1, -(1 << 62)):
            self.assertEqual(self.back(payloads.Delegation("x", from_micro_turn=n)).from_micro_turn, n)
        for payload in (Text("x", request=1 << 64), Text("x", request=-(1 << 63) - 1),
                        Audio(samples(4), 1 << 70), payloads.Control("played", value=1 << 64),
                        payloads.Delegation("x", from_micro_turn=1 << 70)):
            with self.assertRaisesRegex(ValueError, "no number of 64 bits"):
                self.back(payload)
        if np is None:
            return
        with self.assertRaisesRegex(ValueError, r"\[2, 3, 4\].*\[frames, channels\]"):
            self.back(Audio(np.zeros((2, 3, 4), "f4")))
        self.assertEqual(self.back(Audio(np.zeros(8, "f4"), channels=2)).samples.shape, (4, 2))
        # As models give it: sets of one.
        self.assertEqual(self.back(Audio(np.zeros((1, 1, 8), "f4"))).samples.shape, (8, 1))
        self.assertEqual(self.back(Audio(np.zeros((1, 8, 2), "f4"), channels=2)).samples.shape, (8, 2))

    def test_garbage(self):
        import random
        chance = random.Random(1)
        for _ in range(3000):
            junk = bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
            try:
                _wire.decode(junk, lambda i, o, n: b"")
            except (ValueError, IndexError, KeyError, TypeError, AttributeError):
                pass

    def test_frames(self):
        import os
        r, w = os.pipe()
        data = _frames.frame(_frames.EMIT, b"body", port=3, ts=-5, places=[(0, 0, 0, 5), (1, 2, 64, 9)], inside=[b"12345"])
        os.write(w, data[:50])
        os.write(w, data[50:] + _frames.frame(_frames.DONE))
        os.close(w)
        reader = _frames.Reader(r)
        f = reader.next()
        self.assertEqual((f.head.port, f.head.ts, bytes(f.body), bytes(f.inside[0])), (3, -5, b"body", b"12345"))
        self.assertEqual(f.places[1], (1, 2, 64, 9))
        self.assertEqual(reader.next().head.what, _frames.DONE)
        self.assertIsNone(reader.next())
        os.close(r)

    def test_frames_of_all_lengths(self):
        import os
        import threading
        lengths = [0, 1, 5000, 70_000, 3, 300_000, 65_536 - 88, 7] * 8
        r, w = os.pipe()
        out = _frames.Writer(w)

        def write():
            for i, n in enumerate(lengths):
                out.write(_frames.frame(_frames.EMIT, b"b" * (n // 2), seq=i, places=[(0, 0, 0, n)],
                                        inside=[bytes([i]) * n]))
            os.close(w)

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        reader = _frames.Reader(r)
        for i, n in enumerate(lengths):
            f = reader.next()
            self.assertEqual((f.head.seq, bytes(f.body), bytes(f.inside[0])), (i, b"b" * (n // 2), bytes([i]) * n))
        self.assertIsNone(reader.next())
        writer.join()
        os.close(r)

    def test_a_large_frame_leaves_no_large_room(self):
        import os
        import threading
        r, w = os.pipe()
        lengths = [3 << 20, 10, 3 << 20, 0]
        writer = threading.Thread(
            target=lambda: [_frames.Writer(w).write(_frames.frame(_frames.EMIT, b"b" * n)) for n in lengths],
            daemon=True)
        writer.start()
        reader = _frames.Reader(r)
        for n in lengths:
            self.assertEqual(bytes(reader.next().body), b"b" * n)
        writer.join()
        os.close(w)
        self.assertIsNone(reader.next())
        self.assertLessEqual(len(reader._room), 1 << 20)
        os.close(r)

    def inbox(self):
        """One of 1 MiB, and the words of its leases as the run sees them."""
        import mmap
        import os
        head, heap = os.memfd_create("head"), os.memfd_create("heap")
        os.truncate(head, 8192)
        os.truncate(heap, 1 << 20)
        out = _memory.Inbox(head, heap), mmap.mmap(head, 8192)
        os.close(head)
        os.close(heap)
        return out

    @unittest.skipIf(np is None, "arrays are copies without numpy")
    def test_what_goes_back_as_it_came(self):
        import struct
        inbox, words = self.inbox()
        at = _memory.LEASES_AT + 4 * 3
        words[at:at + 4] = struct.pack("<I", 1)
        a = inbox.take(3, 128, 64)
        self.assertEqual(inbox.holds(a, 64), (3, 128))
        self.assertEqual(inbox.holds(a.view("f4").reshape(4, 4), 64), (3, 128))
        self.assertEqual(inbox.holds(a[16:32], 16), (3, 144))
        self.assertIsNone(inbox.holds(a.copy(), 64))
        self.assertIsNone(inbox.holds(np.frombuffer(bytes(64), "u1"), 64))
        part = a[8:]
        del a
        self.assertEqual((words[at], inbox.holds(part, 56)), (1, (3, 136)))
        del part
        self.assertEqual(words[at], 0)

    @unittest.skipIf(np is None, "arrays are copies without numpy")
    def test_blocks_end_in_another_thread_while_one_is_looked_for(self):
        import threading
        inbox, _ = self.inbox()

        def end(blocks):
            while blocks:
                blocks.pop()

        usual = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, usual)
        sys.setswitchinterval(1e-6)
        for _ in range(20):
            blocks = [inbox.take(lease, 64 * lease, 64) for lease in range(1000)]
            part = blocks[999][16:32]
            ender = threading.Thread(target=end, args=[blocks], daemon=True)
            ender.start()
            while ender.is_alive():
                self.assertEqual(inbox.holds(part, 16), (999, 64 * 999 + 16))
            ender.join()
        self.assertEqual(len(inbox._shown), 1)

    @unittest.skipIf(np is None, "arrays are flat without numpy")
    def test_a_stream_of_tensors(self):
        for i in range(600):  # more shapes than are remembered, and each again
            shape = (1 + i % 300, 2)
            t = self.back(hocket.Tensor(np.full(shape, i, "i4")))
            self.assertEqual((t.element, t.shape, int(t.data[-1, 1])), ("i32", shape, i))


if __name__ == "__main__":
    unittest.main()
