#!/usr/bin/env python3
"""What is written down and what is said, with stand-ins for the models."""

import sys
import threading
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "python")]

import assistant  # noqa: E402
import hocket  # noqa: E402
from assistant import models, recogniser, voice  # noqa: E402

try:
    import numpy as np
except ImportError:
    np = None


class Lengths:
    """Stands for Moonshine: a word for each second that is loud, a longer sound than it takes is an error."""

    def __init__(self, *_):
        self.np = np

    def __call__(self, samples):
        assert len(samples) <= 30 * 16000, "too long"
        return " ".join(f"{max(second):.0f}" for second in self.seconds(samples) if max(second) > 0.5)

    @staticmethod
    def seconds(samples):
        loud = np.flatnonzero(samples)
        return np.split(samples[loud], np.flatnonzero(np.diff(loud) > 1) + 1) if len(loud) else []


@unittest.skipIf(np is None, "numpy is not installed")
class Writing(unittest.TestCase):
    """A second of speech is a sound as loud as its number, with 200 ms of silence behind it."""

    def heard(self, seconds, **settings):
        with mock.patch.object(recogniser, "Moonshine", Lengths), mock.patch.object(models, "need"):
            h = hocket.Harness(assistant.Recogniser, **settings)
            h.open()
        for i in range(seconds * 10 + 10):
            second, tenth = divmod(i, 10)
            samples = np.full((1600, 1), second + 1 if tenth < 8 and second < seconds else 0, "f4")
            if i == 1:
                h.push("events", hocket.Text("speech_begin", "timing"), 0)
            h.push("audio", hocket.Audio(samples, 16000, first_sample=1600 * i), 100 * i)
        h.push("events", hocket.Text("speech_end", "timing"), seconds * 1000)
        h.close()
        self.assertEqual(h.violations, [])
        return [p.payload.value for p in h.outputs("text")], h

    def test_every_second_of_a_long_turn(self):
        for seconds in (3, 29, 32, 62):
            for partial_ms in (0, 1000):
                with self.subTest(seconds=seconds, partial_ms=partial_ms):
                    words, h = self.heard(seconds, partial_ms=partial_ms)
                    self.assertEqual(words, [" ".join(str(i + 1) for i in range(seconds))])
                    self.assertEqual(h.counters["cut_samples"], 0)

    def test_an_end_before_the_last_cut(self):
        with mock.patch.object(recogniser, "Moonshine", Lengths), mock.patch.object(models, "need"):
            h = hocket.Harness(assistant.Recogniser, partial_ms=0)
            h.open()
        loud = np.concatenate([np.full((16000, 1), 7, "f4"), np.zeros((16000 * 34, 1), "f4")])
        h.push("audio", hocket.Audio(loud[:1600], 16000), 0)
        h.push("events", hocket.Text("speech_begin", "timing"), 0)
        for at in range(1600, len(loud), 1600):
            h.push("audio", hocket.Audio(loud[at:at + 1600], 16000, first_sample=at), at / 16)
        h.push("events", hocket.Text("speech_end", "timing"), 1000)
        h.close()
        self.assertEqual([p.payload.value for p in h.outputs("text")], ["7"])

    def test_sound_that_is_gone_is_counted(self):
        with mock.patch.object(recogniser, "Moonshine", Lengths), mock.patch.object(models, "need"):
            h = hocket.Harness(assistant.Recogniser, partial_ms=0)
            h.open()
        h.push("audio", hocket.Audio(np.zeros((1600, 1), "f4"), 16000), 0)
        h.push("events", hocket.Text("speech_begin", "timing"), 0)
        h.push("audio", hocket.Audio(np.full((1600, 1), 5, "f4"), 16000, first_sample=16000 * 40), 40_000)
        h.push("events", hocket.Text("speech_end", "timing"), 40_100)
        h.close()
        self.assertEqual([p.payload.value for p in h.outputs("text")], ["5"])
        self.assertEqual(h.counters["cut_samples"], 16000 * 40)


class Tone:
    """Stands for Kokoro: 100 ms a word."""

    def __init__(self, *_):
        self.np = np

    def __call__(self, text, speed=1.0):
        return np.full(1600 * len(text.split()), 0.1, "f4")


@unittest.skipIf(np is None, "numpy is not installed")
class Speaking(unittest.TestCase):
    def setUp(self):
        with mock.patch.object(voice, "Kokoro", Tone), mock.patch.object(models, "need"):
            self.h = hocket.Harness(assistant.Voice, playout_delay_ms=0)
            self.h.open()

    def say(self, words, at_s, role="model"):
        self.h.push("text", hocket.Text(words, role), at_s * 1000)

    def sound(self):
        """Samples by their place; each once."""
        out = {}
        for p in self.h.outputs("audio"):
            for i, x in enumerate(np.asarray(p.payload.samples).reshape(-1)):
                at = p.payload.first_sample + i
                self.assertNotIn(at, out)
                out[at] = x
        return out

    def words(self):
        return [p.payload.value for p in self.h.outputs("words")]

    def test_it_says_all_on_time(self):
        self.say("one two three. four five.", 1)
        self.h.advance_to(4000)
        heard = sorted(self.sound())
        self.assertEqual(heard[0], 16000)
        self.assertEqual(len(heard), heard[-1] - heard[0] + 1)  # no hole
        self.assertGreaterEqual(len(heard), 8000)
        self.assertEqual(" ".join(self.words()), "one two three. four five.")
        self.assertEqual([p.payload.value for p in self.h.outputs("floor")], ["speaks", "silent"])
        self.assertTrue(all(len(p.payload.samples) <= 3200 for p in self.h.outputs("audio")))

    def test_barge_in_and_resume(self):
        self.say("one two three four five six", 1)
        self.h.advance_to(1250)
        self.h.push("events", hocket.Text("barge_in"), 1250)
        self.assertEqual(self.h.interrupts, 1)
        self.assertEqual(self.words(), ["one", "two", "three"])
        self.say("", 2, role="resume")
        self.h.advance_to(4000)
        self.assertEqual(" ".join(self.words()), "one two three three four five six")

    def test_nothing_to_break_off(self):
        self.h.push("events", hocket.Text("barge_in"), 1000)
        self.say("", 2, role="resume")
        self.say("...", 3)
        self.h.advance_to(5000)
        self.assertEqual(self.h.interrupts, 0)

    def test_a_new_text_forgets_the_rest(self):
        self.say("one two three four", 1)
        self.h.push("events", hocket.Text("barge_in"), 1100)
        self.say("five", 2)
        self.h.advance_to(3000)
        self.say("", 3, role="resume")
        self.h.advance_to(5000)
        self.assertEqual(self.words()[-1], "five")

    def tearDown(self):
        self.h.close()
        self.assertEqual(self.h.violations, [])


class Gated(Tone):
    """One that makes a clause when it may; `broken` is one that it cannot make."""

    def __init__(self, *_):
        super().__init__()
        self.may = threading.Semaphore(0)

    def __call__(self, text, speed=1.0):
        self.may.acquire()
        if "broken" in text:
            raise MemoryError("no room for it")
        return super().__call__(text, speed)


@unittest.skipIf(np is None, "numpy is not installed")
class SpeakingInRealTime(unittest.TestCase):
    """With the thread that makes the sound; it waits for `may`."""

    def setUp(self):
        with mock.patch.object(voice, "Kokoro", Gated), mock.patch.object(models, "need"):
            self.h = hocket.Harness(assistant.Voice, playout_delay_ms=0, is_virtual=False)
            self.h.open()
        self.may = self.h.component._kokoro.may
        self.done = threading.Semaphore(0)
        run = self.h.run
        self.h.run = lambda task: (run(task), self.done.release())[0]

    def make(self, clauses):
        for _ in range(clauses):
            self.may.release()
            self.assertTrue(self.done.acquire(timeout=60))

    def test_the_run_does_not_end_before_the_last_clause(self):
        self.h.push("text", hocket.Text("one two three. four five six. seven eight nine.", "model"), 1000)
        n = self.h.counters["clauses"]
        self.assertGreater(n, 1)
        for _ in range(n):
            self.assertGreater(self.h.held, 0)
            self.make(1)
            self.h.advance_to(1001)
        self.may.release()
        self.h.close()
        self.component_ends()
        self.assertEqual(self.h.held, 0)
        self.assertEqual(" ".join(p.payload.value for p in self.h.outputs("words")).split()[-1], "nine.")

    def test_a_fault_is_told_and_does_not_mute(self):
        self.h.push("text", hocket.Text("this is broken.", "model"), 1000)
        self.make(1)
        with self.assertRaises((MemoryError, hocket.ComponentError)):
            self.h.advance_to(1100)
        self.h.push("text", hocket.Text("one two", "model"), 1200)
        self.make(1)
        self.h.advance_to(3000)
        self.assertEqual([p.payload.value for p in self.h.outputs("words")], ["one", "two"])
        self.assertEqual([p.payload.value for p in self.h.outputs("floor")], ["speaks", "silent"])
        self.h.close()
        self.component_ends()
        self.assertEqual(self.h.held, 0)

    def test_what_is_broken_off_holds_nothing(self):
        self.h.push("text", hocket.Text("one two three. four five six. seven eight nine.", "model"), 1000)
        self.h.push("events", hocket.Text("barge_in"), 1100)
        for _ in range(9):
            self.may.release()
        self.h.close()
        self.component_ends()
        self.assertEqual(self.h.held, 0)

    def component_ends(self):
        self.h.component._thread.join(60)
        self.assertFalse(self.h.component._thread.is_alive())
        self.assertEqual(self.h.violations, [])


if __name__ == "__main__":
    unittest.main()
