#!/usr/bin/env python3
"""The assistant's parts without their models: rules, times, words; and, where models are there, with them."""

import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "python")]

import assistant  # noqa: E402
import hocket  # noqa: E402
from assistant import clauses, models, recogniser, voice  # noqa: E402
from assistant.moonshine import read_tokens  # noqa: E402
from assistant.utterances import FRAME, Rules, Utterances  # noqa: E402

try:
    import numpy as np
except ImportError:
    np = None

S = 1_000_000_000


class Found(unittest.TestCase):
    def play(self, said, rules=None):
        """What is found in a string of frames, `#` = speech."""
        u, out = Utterances(rules or Rules()), []
        for i, c in enumerate(said):
            out += u.frame(i * FRAME, 0.9 if c == "#" else 0.45 if c == "~" else 0.0)
        return out, u

    def test_an_utterance_begins_and_ends(self):
        out, _ = self.play("..####" + "." * 20)
        self.assertEqual(out, [("speech_begin", 2 * FRAME), ("speech_end", 6 * FRAME)])

    def test_a_click_is_none(self):
        self.assertEqual(self.play("..#..#..#.." + "." * 20)[0], [])

    def test_a_pause_is_no_end(self):
        out, _ = self.play("####" + "." * 10 + "####" + "." * 20)
        self.assertEqual([w for w, _ in out], ["speech_begin", "barge_in", "speech_end"])

    def test_less_is_enough_to_go_on(self):
        self.assertEqual(self.play("~~~~" + "." * 20)[0], [])
        self.assertEqual(self.play("##~~" + "." * 20)[0][-1], ("speech_end", 4 * FRAME))

    def test_a_long_one_is_cut(self):
        out, _ = self.play("#" * 100, Rules(longest=20 * FRAME))
        self.assertGreaterEqual(sum(w == "speech_end" for w, _ in out), 4)

    def test_the_stream_ends_in_it(self):
        _, u = self.play("####")
        self.assertEqual(u.finish(), [("speech_end", 4 * FRAME)])
        self.assertEqual(u.finish(), [])


class Clauses(unittest.TestCase):
    def test_pieces(self):
        self.assertEqual(clauses.clauses(""), [])
        self.assertEqual(clauses.clauses("Hello."), ["Hello."])
        self.assertEqual(clauses.clauses("Well, it is sunny. Take a coat, and a hat."),
                         ["Well, it is sunny.", "Take a coat, and a hat."])

    def test_nothing_is_lost(self):
        for text in ("a " * 100, "one two three, " * 9, "  x\n y ", "a. b. c. d.", "word " * 15, "3.5 and 10:30, yes"):
            pieces = clauses.clauses(text)
            self.assertEqual(" ".join(pieces), " ".join(text.split()))
            self.assertTrue(all(len(p.split()) <= 14 for p in pieces), pieces)

    def test_words_cover_the_sound(self):
        words = clauses.spread("It is sunny, everywhere.", 1000)
        self.assertEqual((words[0].begin, words[-1].end), (0, 1000))
        self.assertTrue(all(a.end == b.begin and a.begin < a.end for a, b in zip(words, words[1:])))


class Tokens(unittest.TestCase):
    def test_read(self):
        long = b"x" * 130
        self.assertEqual(read_tokens(b"\x01a\x00\x82\x01" + long), [b"a", b"", long])
        for broken in (b"\x02a", b"\x80", b"\x85\x01abc"):
            with self.assertRaises(ValueError):
                read_tokens(broken)


class Missing(unittest.TestCase):
    def test_all_is_named(self):
        with tempfile.TemporaryDirectory() as empty:
            with self.assertRaises(RuntimeError) as said:
                models.need("moonshine", empty)
        for word in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin", "tools/setup --assistant"):
            self.assertIn(word, str(said.exception))

    def test_packages_too(self):
        with mock.patch("importlib.util.find_spec", return_value=None):
            self.assertEqual(models.missing("silero", "/nowhere")[:2], ["numpy", "onnxruntime"])

    def test_parts_refuse(self):
        for part in (assistant.Ears, assistant.Recogniser, assistant.Voice):
            h = hocket.Harness(part, models="/nowhere")
            with self.assertRaisesRegex(hocket.ComponentError, "cannot run, missing"):
                h.open()


class Turns(unittest.TestCase):
    """`Timing`: strings of micro-turns, `#` = the model's voice is open."""

    def setUp(self):
        self.h = hocket.Harness(assistant.Timing)
        self.h.open()

    def model(self, gates, at_s):
        for i, c in enumerate(gates):
            gate = 1.0 if c == "#" else 0.0
            self.h.push("state", hocket.Tensor([0, 0, gate, gate, gate, gate, 0, 1], "f32", (8,)), (at_s + 0.2 * i) * 1000)

    def person(self, what, at_s):
        self.h.push("events", hocket.Text(what, "vad"), at_s * 1000)

    def told(self):
        return [p.payload.value for p in self.h.outputs("events")]

    def test_the_models_voice_ends_a_turn(self):
        self.person("speech_begin", 1.0)
        self.model("....", 1.2)
        self.person("speech_end", 2.0)
        self.model(".#", 2.2)
        self.assertEqual(self.told(), ["speech_begin", "speech_end"])
        self.assertEqual(self.h.outputs("events")[1].ts, 2 * S)

    def test_a_pause_is_no_end(self):
        self.person("speech_begin", 1.0)
        self.person("speech_end", 2.0)
        self.model("....", 2.2)
        self.person("speech_begin", 3.0)
        self.assertEqual(self.told(), ["speech_begin"])
        self.person("speech_end", 3.5)
        self.model("#", 3.8)
        self.assertEqual(self.told(), ["speech_begin", "speech_end"])

    def test_silence_ends_it_at_last(self):
        self.person("speech_begin", 1.0)
        self.person("speech_end", 2.0)
        self.model("." * 10, 2.2)
        self.assertEqual(self.told(), ["speech_begin", "speech_end"])

    def test_the_model_falls_silent(self):
        self.h.push("floor", hocket.Text("speaks", "voice"), 900)
        self.model("#", 1.0)
        self.person("speech_begin", 1.1)
        self.model("##.", 1.2)
        self.assertEqual(self.told(), ["speech_begin", "barge_in"])

    def test_the_model_goes_on(self):
        self.h.push("floor", hocket.Text("speaks", "voice"), 900)
        self.model("#", 1.0)
        self.person("speech_begin", 1.1)
        self.model("##", 1.2)
        self.person("speech_end", 1.5)
        self.model("####", 1.6)
        self.assertEqual(self.told(), ["speech_begin", "ignored"])

    def test_who_goes_on_speaking_is_heard(self):
        self.h.push("floor", hocket.Text("speaks", "voice"), 900)
        self.person("speech_begin", 1.0)
        self.model("." * 8, 1.0)
        self.assertEqual(self.told(), ["speech_begin", "barge_in"])

    def test_a_delegation_is_an_end(self):
        self.person("speech_begin", 1.0)
        self.person("speech_end", 2.0)
        self.h.push("delegations", hocket.Delegation("weather in paris", 1), 2200)
        self.model(".", 2.2)
        self.assertEqual(self.told(), ["speech_begin", "speech_end"])

    def test_silence_decides(self):
        h = hocket.Harness(assistant.Timing, decides="silence")
        h.open()
        for i, what in enumerate(["speech_begin", "barge_in", "speech_end"]):
            h.push("events", hocket.Text(what, "vad"), 1000 * i)
        self.assertEqual([p.payload.value for p in h.outputs("events")], ["speech_begin", "barge_in", "speech_end"])

    def tearDown(self):
        self.h.close()
        self.assertEqual(self.h.violations, [])


class Talking(unittest.TestCase):
    def setUp(self):
        self.h = hocket.Harness(assistant.Talk)
        self.h.open()
        self.now = 1.0

    def says(self, words, begin_s, end_s):
        self.h.push("events", hocket.Text("speech_begin", "timing"), begin_s * 1000)
        self.h.push("events", hocket.Text("speech_end", "timing"), end_s * 1000)
        if words:
            self.h.push("text", hocket.Text(words, "heard"), end_s * 1000)

    def result(self, words, at_s, request, final=True, role="background"):
        self.h.push("results", hocket.Text(words, role, request=request, final=final), at_s * 1000)

    def tasks(self):
        return [(p.payload.task, p.payload.action, p.payload.supersedes) for p in self.h.outputs("delegations")]

    def said(self):
        return [(p.payload.value, p.payload.role) for p in self.h.outputs("say")]

    def test_asks_and_answers_in_sentences(self):
        self.says("What time is it?", 1, 2)
        self.assertEqual(self.tasks(), [("What time is it?", "start", 0)])
        for i, word in enumerate(["It", "is", "ten.", "Good", "night."]):
            self.result(word, 2.5 + i / 10, 1, final=i == 4)
        self.assertEqual(self.said(), [("It is ten.", "model"), ("Good night.", "model")])

    def test_nothing_while_the_person_speaks(self):
        self.says("What time is it?", 1, 2)
        self.h.push("events", hocket.Text("speech_begin", "timing"), 6000)
        self.result("Ten.", 6.1, 1)
        self.assertEqual(self.said(), [])
        self.h.push("events", hocket.Text("ignored", "timing"), 6500)
        self.assertEqual(self.said(), [("Ten.", "model")])

    def test_an_answer_that_is_made_anew(self):
        self.says("Hello", 1, 2)
        self.result("Let", 2.1, 1, final=False)
        self.result("Sorry,", 2.2, 1, final=False, role="background.failed")
        self.result("no.", 2.3, 1)
        self.assertEqual(self.said(), [("Sorry, no.", "model")])

    def test_a_pause_that_was_taken_for_an_end(self):
        self.says("How is the weather?", 1, 2)
        self.says("In Paris.", 3.3, 4)
        self.assertEqual(self.tasks()[1], ("How is the weather in Paris.", "start", 1))
        self.says("I am Tom.", 30, 31)
        self.assertEqual(self.tasks()[2], ("I am Tom.", "start", 2))

    def test_stop(self):
        self.says("Tell me a story.", 1, 2)
        self.says("Stop!", 9, 9.5)
        self.assertEqual(self.tasks()[1][1], "cancel")
        self.result("Once", 10, 1)
        self.assertEqual(self.said(), [])

    def test_uh_huh(self):
        self.says("Uh huh.", 1, 2)
        self.assertEqual((self.tasks(), self.said()), ([], [("", "resume")]))

    def test_nobody_understood(self):
        self.says("", 1, 2)
        self.h.advance_to(4000)
        self.assertEqual(self.said(), [("", "resume")])

    def test_nothing_to_understand(self):
        self.says("What time is it?", 1, 2)
        self.says("", 2.5, 3)
        for words in ("", " "):
            self.h.push("text", hocket.Text(words, "keyboard"), 3100)
        self.assertEqual(len(self.tasks()), 1)
        self.assertEqual(self.said(), [("", "resume")] * 2)

    def test_nothing_goes_on_over_the_person(self):
        self.says("", 1, 2)
        self.h.push("events", hocket.Text("speech_begin", "timing"), 2500)
        self.h.advance_to(6000)
        self.assertEqual(self.said(), [])
        self.h.push("events", hocket.Text("ignored", "timing"), 6500)
        self.assertEqual(self.said(), [("", "resume")])

    def test_what_the_graph_says_of_itself(self):
        self.result("I am a", 1, 0, final=False)
        self.result("machine.", 1.1, 0)
        self.says("What time is it?", 2, 3)
        self.result("Not that.", 3.5, 1 << 62, role="background.failed")
        self.result("Ten.", 4, 1)
        self.result("late", 5, 1, role="background.failed", final=False)
        self.result("words", 5.1, 7)
        self.assertEqual([w for w, _ in self.said()], ["I am a machine.", "Not that.", "Ten."])
        self.assertEqual(self.h.counters["notices"], 2)

    def test_a_notice_is_not_talked_away(self):
        self.h.push("events", hocket.Text("speech_begin", "timing"), 1000)
        self.result("Bedtime.", 1.5, 0)
        self.h.push("events", hocket.Text("speech_end", "timing"), 2000)
        self.h.push("text", hocket.Text("Stop!", "heard"), 2000)
        self.assertEqual(self.said(), [("Bedtime.", "model")])

    def test_the_background_gave_up(self):
        self.says("Hello", 1, 2)
        self.result("", 3, 1, role="background.over")
        self.says("Hello again", 9, 10)
        self.assertEqual(self.tasks()[1][2], 0)

    def tearDown(self):
        self.h.close()
        self.assertEqual(self.h.violations, [])


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
