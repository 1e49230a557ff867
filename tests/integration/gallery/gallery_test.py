#!/usr/bin/env python3
"""gallery_test.py HOCKET SOURCE: the gallery as it is, and that what is wrong with one is found."""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

HOCKET, SOURCE = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
del sys.argv[1:3]
sys.path.insert(0, str(SOURCE / "configs/graphs/gallery"))
sys.dont_write_bytecode = True
import gallery  # noqa: E402


class Gallery(unittest.TestCase):
    def call(self):
        argv, sys.argv = sys.argv, ["gallery.py", HOCKET]
        try:
            return gallery.main()
        finally:
            sys.argv = argv

    def test_it_is_as_it_says(self):
        self.assertEqual(len(gallery.ENTRIES), 12)
        self.assertEqual(self.call(), 0)

    def test_what_is_wrong_is_found(self):
        good = gallery.ENTRIES[1]
        self.assertEqual(good.name, "words")
        for what, entry in (("ended with 2", gallery.Entry(good.file, "", ["--param", "no=such"])),
                            ("made no gone.wav", gallery.Entry(good.file, "", makes=["gone.wav"])),
                            ("did not say `nothing of the kind`", gallery.Entry(good.file, "", says=["nothing of the kind"]))):
            self.assertIn(what, " ".join(gallery.findings(HOCKET, entry)))

    def test_an_old_picture_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "words.yaml"
            shutil.copy(SOURCE / "configs/graphs/words.yaml", copy)
            self.assertEqual(gallery.findings(HOCKET, gallery.Entry(str(copy), "")), [])
            copy.write_text(copy.read_text().replace("actors:", "actors:\n  more: {component: text.console, script: [\"0.1 x\"]}", 1))
            self.assertIn("its picture is not that of the graph", gallery.findings(HOCKET, gallery.Entry(str(copy), ""))[0])


if __name__ == "__main__":
    unittest.main()
