#!/usr/bin/env python3
"""The assistant's parts without their models: rules, times, words."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "python")]

import assistant  # noqa: E402
import hocket  # noqa: E402
import install  # noqa: E402
from assistant import clauses, models  # noqa: E402
from assistant.moonshine import read_tokens  # noqa: E402
from assistant.utterances import FRAME, Rules, Utterances  # noqa: E402

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

    def test_another_recogniser_is_named_with_what_installs_it(self):
        with tempfile.TemporaryDirectory() as empty, mock.patch("importlib.util.find_spec", return_value=None):
            with self.assertRaises(RuntimeError) as said:
                models.need("whisper", empty)
        for word in ("faster_whisper", "model.bin", "install.py --whisper"):
            self.assertIn(word, str(said.exception))
        h = hocket.Harness(assistant.Recogniser, models="/nowhere", recogniser="whisper")
        with self.assertRaisesRegex(hocket.ComponentError, "whisper cannot run, missing"):
            h.open()

    def test_parts_refuse(self):
        for part in (assistant.Ears, assistant.Recogniser, assistant.Voice):
            h = hocket.Harness(part, models="/nowhere")
            with self.assertRaisesRegex(hocket.ComponentError, "cannot run, missing"):
                h.open()


class Places(unittest.TestCase):
    """The Python package, in a tree and in an installed prefix."""

    def test_both_are_found(self):
        import word_errors
        sys.path.insert(0, str(HERE.parents[3] / "configs/graphs"))
        import talks
        for find in (word_errors.python_package, talks.python_package):
            for place in ("plugins/python", "python"):
                with tempfile.TemporaryDirectory() as tree:
                    (Path(tree) / place / "hocket").mkdir(parents=True)
                    self.assertEqual(find(Path(tree)), Path(tree) / place)
            self.assertEqual(find(HERE.parents[3]), HERE.parents[2] / "python")


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


class Installing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, value in {"VENV": Path(folder.name), "MODELS": Path(folder.name) / "models"}.items():
            patched = mock.patch.object(install, name, value)
            patched.start()
            self.addCleanup(patched.stop)
        self.styles = install.MODELS / install.STYLES
        self.styles.mkdir(parents=True)

    def test_some_styles_are_not_all(self):
        both = {"af_heart.bin": b"one", "bm_george.bin": b"two"}
        with mock.patch.object(install, "STYLES_SUM", install.digest(b"".join(both.values()))):
            for name, data in both.items():
                self.assertIn(install.STYLES, install.missing())
                (self.styles / name).write_bytes(data)
            self.assertNotIn(install.STYLES, install.missing())
            (self.styles / "af_heart.bin").write_bytes(b"on")
            self.assertIn(install.STYLES, install.missing())

    def test_npm_is_missed_before_anything_is_fetched(self):
        with mock.patch("shutil.which", return_value=None), mock.patch.object(sys, "argv", ["install.py"]), \
                mock.patch("subprocess.run") as ran, mock.patch("sys.stderr") as told:
            with self.assertRaises(SystemExit):
                install.main()
        ran.assert_not_called()
        self.assertIn("npm is not there", "".join(str(c) for c in told.write.mock_calls))


if __name__ == "__main__":
    unittest.main()
