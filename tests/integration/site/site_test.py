#!/usr/bin/env python3
"""site_test.py SOURCE: the pages as one site."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1]).resolve()
del sys.argv[1:2]


class Site(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def small(self, **pages):
        """A tree of its own, with what makes sites."""
        root = self.folder / "tree"
        (root / "tools").mkdir(parents=True)
        shutil.copy(SOURCE / "tools/site", root / "tools")
        shutil.copytree(SOURCE / "tools/checks", root / "tools/checks", ignore=shutil.ignore_patterns("__pycache__", "*.md"))
        for name, text in pages.items():
            path = root / (name.replace("__", "/") + ".md")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        subprocess.run(["git", "init", "-q", root], check=True)
        return root

    def build(self, root):
        done = subprocess.run([sys.executable, root / "tools/site", "--out", self.folder / "site"],
                              capture_output=True, text=True, timeout=250)
        return done.returncode, done.stdout + done.stderr

    def test_every_page_is_there(self):
        code, said = self.build(SOURCE)
        self.assertEqual(code, 0, said)
        site = self.folder / "site"
        self.assertIn("Hocket", (site / "index.html").read_text())
        self.assertTrue((site / "plugins/docs/write-a-component.html").is_file())
        self.assertTrue((site / "configs/graphs/talk.png").is_file())
        index = json.loads((site / "search/search_index.json").read_text())
        self.assertGreater(len(index["docs"]), 500)

    def test_a_small_one(self):
        root = self.small(README="# top\n[the graph](graph), [more](graph/README.md#two-words)\n",
                          graph__README="# graph\n<!-- check: run -->\n## Two words\n`[no](link.md)`\n")
        code, said = self.build(root)
        self.assertEqual(code, 0, said)
        self.assertIn("site: 2 of 2 pages", said)
        self.assertIn('href="graph/index.html"', (self.folder / "site/index.html").read_text())
        self.assertEqual(self.build(root)[0], 0)  # again, over the one before

    def test_a_link_that_leads_nowhere(self):
        code, said = self.build(self.small(README="# top\n[gone](graph/gone.md)\n"))
        self.assertEqual(code, 1, said)
        self.assertIn("gone.md", said)

    def test_no_folder_of_others_is_cleared(self):
        (self.folder / "site").mkdir()
        (self.folder / "site/mine.txt").write_text("mine")
        self.assertEqual(self.build(self.small(README="# top\n"))[0], 2)
        self.assertTrue((self.folder / "site/mine.txt").is_file())

    def test_nor_is_another_site(self):
        (self.folder / "site").mkdir()
        for name in ("sitemap.xml", "index.html"):
            (self.folder / "site" / name).write_text("mine")
        code, said = self.build(self.small(README="# top\n"))
        self.assertEqual((code, "no site of ours" in said), (2, True), said)
        self.assertEqual((self.folder / "site/index.html").read_text(), "mine")

    def test_a_file_is_no_folder(self):
        (self.folder / "site").write_text("mine")
        code, said = self.build(self.small(README="# top\n"))
        self.assertEqual((code, "Traceback" in said), (2, False), said)
        self.assertEqual((self.folder / "site").read_text(), "mine")

    def test_one_that_failed_is_made_again(self):
        root = self.small(README="# top\n[gone](graph/gone.md)\n")
        self.assertEqual(self.build(root)[0], 1)
        (root / "README.md").write_text("# top\n")
        code, said = self.build(root)
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    if shutil.which("mkdocs") is None:
        print("skipped: mkdocs is not installed")
        sys.exit(77)
    unittest.main()
