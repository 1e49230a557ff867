#!/usr/bin/env python3
"""Commands that promise to start nothing run no code of a file that a graph or the command line names."""

import os
import unittest

from support import case, graph, main, MIC

EVIL = """
#include <cstdio>
__attribute__((constructor)) static void run() {
  if (FILE* f = fopen("pwned.txt", "w")) fclose(f);
}
"""
# The same in a plugin that could be loaded: its note is right.
PLUGIN = EVIL + """
__attribute__((used, section(".hocket.plugin"))) static const char note[] = "hocket-plugin\\0%s\\0evil";
extern "C" const char* hocket_plugin_abi() { return "%s"; }
extern "C" const char* hocket_plugin_name() { return "evil"; }
extern "C" void hocket_plugin_register(void*, void*) {}
"""


def abi():
    with open(os.path.join(os.environ["HOCKET_SOURCE"], "graph/contract/plugin.hpp")) as f:
        return f.read().split('#define HOCKET_PLUGIN_ABI "')[1].split('"')[0]


LOOKS = ["validate g.yaml", "graph g.yaml", "graph g.yaml -o x.svg", "doctor g.yaml", "export systemd g.yaml --out exp",
         "export kubernetes g.yaml --out exp", "apply g.yaml --from g.yaml", "apply other.yaml --from g.yaml",
         "apply g.yaml --from other.yaml"]
NAMES = ["validate other.yaml", "graph other.yaml", "doctor other.yaml", "export systemd other.yaml --out exp",
         "apply other.yaml --from other.yaml", "list", "list tools", "describe echo", "describe no.such"]


class looking_runs_nothing(case):
    def setUp(self):
        super().setUp()
        self.write("other.yaml", graph({"mic": MIC}))

    def ran(self):
        return os.path.exists(self.path("pwned.txt"))

    def test_a_graph_that_names_a_library_that_is_no_plugin(self):
        self.library(EVIL, "evil.so")
        self.write("g.yaml", graph({"nothing": "{component: no.such_component}"}, "plugins: [evil.so]\n"))
        for command in LOOKS + ["run g.yaml --virtual", "run g.yaml --plugin evil.so --virtual",
                                "run other.yaml --plugin evil.so --virtual", "run --manifest evil.so",
                                "eval duplex g.yaml --quick"]:
            done = self.hocket(*command.split())
            self.assertFalse(self.ran(), command)
            if not command.startswith("eval"):
                self.assertEqual(done.returncode, 2, f"{command}: {done.stdout}")

    def test_a_graph_that_names_a_real_plugin(self):
        self.library(PLUGIN % (abi(), abi()), "lib/evil.so")
        self.write("g.yaml", graph({"mic": MIC, "sink": "{component: evil.sink, level: 3, inputs: {audio: mic.audio}}"},
                                   "plugins: [lib/evil.so]\n"))
        for command in LOOKS:
            done = self.hocket(*command.split())
            self.assertFalse(self.ran(), command)
            # They work all the same, and say what they could not check.
            if not command.startswith(("doctor", "apply")):
                self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}")
            if not command.endswith("--from other.yaml"):
                self.assertIn("graph.not-checked", done.stdout, command)
        # A run loads what its operator names, and nothing that a graph names.
        done = self.hocket("run", "g.yaml", "--virtual", code=2)
        self.assertFalse(self.ran())
        self.assertIn("--plugin lib/evil.so", done.stdout)

    def test_a_wrong_graph_loads_nothing_even_where_the_plugin_is_allowed(self):
        self.library(PLUGIN % (abi(), abi()), "evil.so")
        self.write("g.yaml", graph({"mic": MIC.replace("pipeline", "pipelin")}, "plugins: [evil.so]\n"))
        self.hocket("run", "g.yaml", "--plugin", "evil.so", "--virtual", code=2)
        self.assertFalse(self.ran())

    def test_a_plugin_of_another_release_is_refused_before_it_runs(self):
        self.library(PLUGIN % ("hocket-0.0-0-cxx98", abi()), "evil.so")
        self.write("g.yaml", graph({"mic": MIC}, "plugins: [evil.so]\n"))
        done = self.hocket("run", "g.yaml", "--plugin", "evil.so", "--virtual", code=2)
        self.assertFalse(self.ran())
        self.assertIn("hocket-0.0-0-cxx98", done.stdout)

    def test_what_the_command_line_names_is_not_run_either(self):
        self.library(PLUGIN % (abi(), abi()), "evil.so")
        for command in NAMES:
            self.hocket(*command.split(), "--plugin", "evil.so")
            self.assertFalse(self.ran(), command)

    def test_paths_are_taken_from_the_folder_of_the_file_that_names_them(self):
        # A library that lies in the current folder is not the one that the graph means.
        self.library(PLUGIN % (abi(), abi()), "evil.so")
        self.write("there/g.yaml", graph({"mic": MIC}, "plugins: [evil.so]\n"))
        done = self.hocket("validate", "there/g.yaml", code=2)
        self.assertIn("there/evil.so", done.stdout)
        self.write("there/part.yaml", "hocket: 1\nname: part\nplugins: [../evil.so]\nactors:\n  mic: " + MIC + "\n")
        self.write("g.yaml", graph({"part": "{include: {file: there/part.yaml}}"}))
        self.hocket("validate", "g.yaml", code=0)
        self.assertFalse(self.ran())

    def test_links_pipes_and_devices_for_a_library(self):
        os.symlink("/dev/zero", self.path("zero.so"))
        os.mkfifo(self.path("pipe.so"))
        os.mkdir(self.path("folder.so"))
        for name in ("zero.so", "pipe.so", "folder.so", "/dev/zero", "missing.so"):
            self.write("g.yaml", graph({"mic": MIC}, f"plugins: [{name}]\n"))
            self.hocket("validate", "g.yaml", code=2)
            self.hocket("run", "g.yaml", "--virtual", "--plugin", name, code=2)


if __name__ == "__main__":
    main()
