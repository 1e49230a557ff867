"""Halves do not meet, intervals are Wilson's, and shares count the right lines."""

import csv
import tempfile
import unittest
from pathlib import Path

import measure


class measured(unittest.TestCase):
    def test_halves(self):
        dev = measure.halves(450)
        self.assertEqual(len(dev), 225)
        self.assertEqual(dev, measure.halves(450))
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "x.csv"
            with open(path, "w", newline="", encoding="utf-8") as file:
                out = csv.DictWriter(file, ["prompt", "type", "label"])
                out.writeheader()
                for i in range(10):
                    out.writerow({"prompt": f"words {i}", "type": "contrast_homonyms" if i % 2 else "homonyms",
                                  "label": "unsafe" if i % 2 else "safe"})
            one, two = ({words for _, _, words in measure.xstest(path, half)} for half in ("dev", "final"))
            self.assertFalse(one & two)
            self.assertEqual(len(one | two), 10)
            self.assertEqual(len(measure.xstest(path, "all")), 10)

    def test_interval(self):
        low, high = measure.interval(5, 10)
        self.assertAlmostEqual(low, 0.2366, 3)
        self.assertAlmostEqual(high, 0.7634, 3)
        self.assertEqual(measure.interval(0, 0), (0.0, 1.0))

    def test_shares(self):
        lines = [(True, True, "a"), (True, False, "b"), (False, False, "c"), (False, False, "d")]
        self.assertEqual(measure.shares(lines, [True, False, True, False]),
                         {"refused": (1, 1), "refused_all": (1, 2), "over_refused": (1, 2)})

    def test_pairs_are_lines(self):
        lines = measure.pairs(measure.POLICIES / "judge" / "pairs.cases")
        self.assertGreater(sum(bad for bad, _, _ in lines), 50)
        self.assertGreater(sum(not bad for bad, _, _ in lines), 100)


if __name__ == "__main__":
    unittest.main()
