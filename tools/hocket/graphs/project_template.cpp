#include "tools/hocket/graphs/project_template.hpp"

#include <algorithm>

#include "tools/hocket/graphs/python_template.hpp"

namespace hocket::cli {
namespace {

constexpr const char* graph =
    R"~~~(# A tone, louder by the plugin's component, and both in a stereo file: out/@word@.wav.
#   hocket run @word@.yaml --plugin build/@word@.so --virtual
hocket: 1
name: @word@
plugins: [build/@word@.so]
params:
  gain_db: {type: number, default: 6, doc: how much louder}
actors:
  mic:    {component: capture.gst, pipeline: "audiotestsrc num-buffers=50 volume=0.1 ! audioconvert ! audioresample"}
  louder: {component: @word@.gain, gain_db: "${param:gain_db}", inputs: {audio: mic.audio}}
  record: {component: record.wav, file: @word@.wav, inputs: {person: mic.audio, model: louder.audio}}
)~~~";

constexpr const char* graph_test = R"~~~(#!/usr/bin/env python3
"""test_graph.py PLUGIN: the graph runs as a user runs it, and does what it is for."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOCKET = os.environ.get("HOCKET", "hocket")
PLUGIN = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else HERE.parent / "@plugin@"


class Graph(unittest.TestCase):
    def run_graph(self, *options):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run([HOCKET, "run", HERE.parent / "@word@.yaml", "--plugin", PLUGIN, "--virtual",
                                   "--no-picture", "--out", out, *options], capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr, sorted(os.listdir(out))

    def test_it_runs(self):
        code, said, made = self.run_graph()
        self.assertEqual(code, 0, said)
        self.assertIn("sent = delivered + dropped + in flight: holds", said)
@expect@

    def test_a_wrong_one_is_refused(self):
        code, said, _ = self.run_graph("--set", "actors.@actor@.no_such_key=1")
        self.assertEqual(code, 2, said)
        self.assertIn("no_such_key", said)


if __name__ == "__main__":
    unittest.main()
)~~~";

constexpr const char* check = R"~~~(#!/usr/bin/env bash
# Builds what is to be built and runs every test; CI calls it, too. HOCKET=/path/to/hocket takes another one.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
export HOCKET=${HOCKET:-hocket}
HOCKET=$(command -v -- "$HOCKET") || { echo "error: no \`hocket\` on the PATH: install its package, or set HOCKET" >&2; exit 1; }
@check@)~~~";

constexpr const char* check_cpp =
    R"~~~(prefix=$(dirname -- "$(dirname -- "$(realpath -- "$HOCKET")")")
cmake -B build -DCMAKE_PREFIX_PATH="${CMAKE_PREFIX_PATH:+$CMAKE_PREFIX_PATH;}$prefix"
cmake --build build --parallel
ctest --test-dir build --output-on-failure --no-tests=error
)~~~";

constexpr const char* check_python = R"~~~(folder=$(dirname -- "$(realpath -- "$HOCKET")")
for package in "$folder/../share/hocket/python" "$folder/../plugins/python"; do
  [[ -d $package/hocket ]] && export PYTHONPATH=$package${PYTHONPATH:+:$PYTHONPATH} && break
done
python3 -m unittest
python3 tests/test_graph.py "$PWD/@word@.py"
)~~~";

constexpr const char* ci =
    R"~~~(# Runs ./check on Debian 12, with Hocket's packages from the folder `packages/` (commit them) or from where the repository's
# variable HOCKET_PACKAGES says (addresses of .deb files, separated by blanks).
name: check
on: [push, pull_request]
jobs:
  check:
    runs-on: ubuntu-latest
    container: debian:12
    steps:
      - uses: actions/checkout@v4
      - name: install
        env:
          HOCKET_PACKAGES: ${{ vars.HOCKET_PACKAGES }}
        run: |
          apt-get update
          apt-get install -y --no-install-recommends build-essential cmake nlohmann-json3-dev doctest-dev python3-numpy curl ca-certificates
          mkdir -p packages
          for one in $HOCKET_PACKAGES; do curl -fsSL --output-dir packages -O "$one"; done
          ls packages/*.deb || { echo "error: no package of Hocket: commit its .deb files in packages/, or set the variable HOCKET_PACKAGES"; exit 1; }
          apt-get install -y --no-install-recommends ./packages/*.deb
      - run: bash check
)~~~";

constexpr const char* readme = R"~~~(# @word@
@what@ A project of its own for an installed Hocket.

```bash
bash check                                              # builds it and runs every test
hocket run @word@.yaml --plugin @plugin@ --virtual    # the graph; what it makes lies in out/
hocket run --manifest @plugin@                        # tells `hocket validate`, `graph` and editors what it declares
```

| file | what |
|---|---|
@files@| `@word@.yaml` | the graph |
| `tests/test_graph.py` | runs the graph, and one that is wrong |
| `check` | one command for all of it; CI (`.github/workflows/ci.yml`) calls it |

CI needs Hocket's Debian packages: commit them in `packages/`, or name their addresses in the repository's variable `HOCKET_PACKAGES`.
)~~~";

void replace(std::string& text, const std::string& mark, const std::string& by) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size()))
    text.replace(at, mark.size(), by);
}

}  // namespace

std::vector<template_file> project_template(const std::string& word, bool python) {
  auto out = python ? python_template("tool", word)
                    : plugin_template("component", word + ".gain", word, true);
  std::erase_if(out, [](const template_file& f) { return f.name == "README.md"; });
  if (!python) {
    for (auto& f : out)
      if (f.name == "CMakeLists.txt")
        f.text +=
            "\n# The graph as a user runs it.\nenable_testing()\nfind_package(Python3 3.9 "
            "REQUIRED)\n"
            "add_test(NAME graph COMMAND ${Python3_EXECUTABLE} "
            "${CMAKE_CURRENT_SOURCE_DIR}/tests/test_graph.py\n"
            "         $<TARGET_FILE:@word@_plugin>)\n";
    out.push_back({word + ".yaml", graph});
  }
  out.push_back({"tests/test_graph.py", graph_test});
  out.push_back({"check", check});
  out.push_back({".gitignore", "/build/\n/out/\n__pycache__/\n"});
  out.push_back({".github/workflows/ci.yml", ci});
  out.push_back({"README.md", readme});
  const std::pair<std::string, std::string> marks[] = {
      {"@check@", python ? check_python : check_cpp},
      {"@expect@", python ? "        self.assertIn(\"hello\", said)"
                          : "        self.assertIn(\"@word@.wav\", made)"},
      {"@actor@", python ? "mind" : "louder"},
      {"@what@", python ? "A tool in Python that a background agent asks, and a graph that asks it."
                        : "A component in C++, and a graph that uses it."},
      {"@files@", python ? "| `@word@.py`, `test_@word@.py` | the tool, and its test |\n"
                         : "| `@word@.cpp`, `@word@.test.cpp`, `CMakeLists.txt` | the component, "
                           "its test, how they are built |\n"},
      {"@plugin@", python ? "@word@.py" : "build/@word@.so"},
      {"@word@", word}};
  for (auto& f : out)
    for (const auto& [mark, by] : marks) replace(f.text, mark, by);
  return out;
}

}  // namespace hocket::cli
