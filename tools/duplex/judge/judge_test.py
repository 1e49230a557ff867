"""python3 judge_test.py: words and times of judge.py, without a model."""
import json
import pathlib
import tempfile
import unittest
import wave

import numpy

import judge


class words(unittest.TestCase):
    def test_a_recogniser_writes_as_the_model_does(self):
        self.assertEqual(judge.words_of("That is 56."), ["that", "is", "fifty", "six"])
        self.assertEqual(judge.words_of("OK, it's twenty-one!"), ["okay", "it's", "twenty", "one"])
        self.assertEqual(judge.words_of("Look, a book, ok."), ["look", "a", "book", "okay"])
        self.assertEqual(judge.words_of("100 and 0"), ["one", "hundred", "and", "zero"])

    def test_words_in_common_keep_their_order(self):
        self.assertEqual(judge.in_common("that is seven".split(), "is that seven".split()), 2)
        self.assertEqual(judge.in_common([], ["a"]), 0)


class answers(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "turn").mkdir()
        both = numpy.zeros((4 * judge.RATE, 2), "<i2")
        both[:, 0] = 1000  # the person
        both[2 * judge.RATE:3 * judge.RATE, 1] = 8000
        with wave.open(str(self.folder / "turn/0001.wav"), "wb") as f:
            f.setnchannels(2), f.setsampwidth(2), f.setframerate(judge.RATE)
            f.writeframes(both.tobytes())

    def item(self, speech):
        one = {"item": {"sounds": [{"who": "user", "start": judge.RATE}]},
               "timeline": {"words": [{"at_s": 0.5, "word": "old"}, {"at_s": 2.0, "word": "seven"}],
                            "speech": speech}}
        (self.folder / "turn/0001.json").write_text(json.dumps(one))
        return judge.answer_of(self.folder, "turn/0001")

    def test_the_model_alone_from_the_request_on(self):
        sound, said = self.item([{"from_s": 2.0, "to_s": 3.0}])
        self.assertEqual(said, ["seven"])
        self.assertEqual(len(sound), int(1.2 * judge.RATE))
        self.assertEqual(sound[0], 0)
        self.assertAlmostEqual(float(sound[len(sound) // 2]), 8000 / 32768, places=4)

    def test_silence_is_no_answer(self):
        self.assertIsNone(self.item([]))


class phrases(unittest.TestCase):
    def test_both_sides_are_judged_and_their_figures_kept(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        both = numpy.zeros((judge.RATE, 2), "<i2")
        both[:, 1] = 8000
        with wave.open(str(folder / "000.wav"), "wb") as f:
            f.setnchannels(2), f.setsampwidth(2), f.setframerate(judge.RATE)
            f.writeframes(both.tobytes())
        (folder / "phrases.json").write_text(json.dumps(
            {"teacher": {"clicks": 1}, "vocoded": {"clicks": 2}, "items": [{"file": "000.wav", "text": "it is"}]}))

        class listener:
            name, p808 = "a listener", 2.0

            def words(self, sound):
                return ["it", "is"] if sound.max() > 0 else ["it"]

            def overall(self, sound):
                return 3.0 + float(sound.max() > 0)

        judge.judge_phrases(folder, listener(), listener(), 1)
        found = json.loads((folder / "judged.json").read_text())
        self.assertEqual(found["teacher"], {"clicks": 1, "words_found": 0.5, "dnsmos": 3.0, "dnsmos_p808": 2.0})
        self.assertEqual(found["vocoded"], {"clicks": 2, "words_found": 1.0, "dnsmos": 4.0, "dnsmos_p808": 2.0})


if __name__ == "__main__":
    unittest.main()
