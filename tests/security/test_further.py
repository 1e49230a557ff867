#!/usr/bin/env python3
"""Further cases of the kinds that issue "Trust" names, a row each; graph/trust/docs/further-cases.md says how each ends.

A case is a function of its own folder; what it names `quiet` must not have run."""

import atexit
import functools
import os
import resource
import shutil
import struct
import subprocess
import tempfile
import unittest

from support import case, graph, HOCKET, main, MIC, with_graph

CANARY = "k4n4ry2f9d81"
LOOKS = ("validate", "graph", "doctor", "doctor --security", "export systemd", "apply")
CASES = {}
KEYS = "{component: text.console, script: ['0.1 x']}"
RULES = "{component: dialogue.rules, replies: replies.txt, inputs: {text: keys.text}}"


def row(name):
    def keep(f):
        assert name not in CASES, name
        CASES[name] = f
        return f
    return keep


# What several cases need is made once: each start of the program costs half a second of a core.

def shared(make):
    """A case's folder that others only read, or copy."""
    @functools.lru_cache(maxsize=None)
    def once():
        c = further("test_there_are_enough")
        c.folder, c.started = tempfile.mkdtemp(prefix="hocket-security-"), []
        atexit.register(shutil.rmtree, c.folder, ignore_errors=True)
        make(c)
        return c
    return once


@shared
def own_run(c):
    """own.yaml, its output folder own/ and its recording own.mcap, made under a umask that lets everybody in."""
    old = os.umask(0)
    try:
        c.write("replies.txt", "")
        c.write("own.yaml", graph({"mic": MIC}))
        os.chmod(c.path("own.yaml"), 0o600)
        os.chmod(c.path("replies.txt"), 0o600)
        c.hocket("run", "own.yaml", "--virtual", "--plain", "--out", "own", "--record", "own.mcap", code=0)
    finally:
        os.umask(old)


@shared
def own_keys(c):
    c.hocket("keys", "a", "--dir", "keys", code=0)


# ---------------------------------------------------------------- commands that promise to start nothing

def leaves(name, *more):
    """Python that leaves a file where it was run."""
    return "\n".join([f"open('pwned_{name}', 'w')", *more]) + "\n"


def python_plugin(c):
    c.write("evil.py", leaves("plugin", "import hocket"))
    return {}


def python_beside(c):
    for name in ("json.py", "hocket.py", "sitecustomize.py", "usercustomize.py", "encodings.py"):
        c.write(name, leaves("beside"))
    c.write("tool.py", "import hocket\n")
    return {}


def plugin_of_include(c):
    c.write("part_evil.py", leaves("include"))
    c.write("part.yaml", graph({"mic": MIC}, "plugins: [part_evil.py]\n"))
    return {"part": "{include: {file: part.yaml}}"}


def tool_server(c):
    c.write("replies.txt", "")
    return {"keys": KEYS, "rules": RULES,
            "mind": "{component: background.agent, tool_sources: {s: {use: mcp, command: [/usr/bin/touch, pwned_server]}}, tools: ['s.*'], inputs: {requests: rules.delegations}}"}


def pipeline(c):
    return {"mic": '{component: capture.gst, pipeline: "audiotestsrc num-buffers=5 ! filesink location=pwned_pipeline"}'}


def element_beside(c):
    c.library('#include <cstdio>\n__attribute__((constructor)) static void f() { fclose(fopen("pwned_element", "w")); }\n', "libgstevil.so")
    return {"other": '{component: capture.gst, pipeline: "evilsrc ! audioconvert"}'}


LOOKED = {
    "a Python plugin is not imported": (python_plugin, "pwned_plugin"),
    "Python modules beside a graph are not taken for the library's": (python_beside, "pwned_beside"),
    "an include's plugins are not loaded": (plugin_of_include, "pwned_include"),
    "a graph's tool server is not started": (tool_server, "pwned_server"),
    "a graph's pipeline does not run": (pipeline, "pwned_pipeline"),
    "a GStreamer plugin beside a graph is not loaded": (element_beside, "pwned_element"),
}


@shared
def looked(c):
    """Every command that promises to start nothing, at one graph of all these that is valid: none gives up before it looks."""
    actors = {}
    for make, _ in LOOKED.values():
        actors.update(make(c))
    c.write("g.yaml", graph(actors, "plugins: [evil.py, tool.py]\n"))
    for command in LOOKS:
        words = command.split() + ["g.yaml"]
        words += ["--out", "e"] if command.startswith("export") else ["--from", "g.yaml"] if command == "apply" else []
        done = c.hocket(*words)
        # A doctor says with 1 that this machine lacks something.
        c.assertIn(done.returncode, (0, 1) if words[0] == "doctor" else (0,), f"{command}: {done.stdout}")


for name, (_, left) in LOOKED.items():
    CASES[name] = lambda c, left=left: c.assertFalse(os.path.exists(looked().path(left)))


def recording(c, actors, more=""):
    """A recording that somebody gives us, with this graph inside."""
    c.write("replies.txt", "")
    with open(own_run().path("own.mcap"), "rb") as f:
        c.write("gift.mcap", with_graph(f.read(), graph(actors, more)))


@row("looking at a recording loads nothing that its graph names")
def _(c):
    recording(c, {"mic": MIC}, "plugins: [evil.py]\n")
    c.write("evil.py", "open('pwned.txt', 'w')\n")
    for command in ("record info gift.mcap", "record recover gift.mcap x.mcap", "record merge y.mcap gift.mcap"):
        c.hocket(*command.split())
        c.assertFalse(os.path.exists(c.path("pwned.txt")), command)


# ---------------------------------------------------------------- files that carry a graph

REPLAYED = {
    "a replayed graph loads no model of this machine": {
        "mic": MIC, "ears": "{component: audio.dmel, inputs: {audio: mic.audio}}",
        "model": "{component: interaction.model, model: /etc, inputs: {audio: ears.frames}}"},
    "a replayed graph gives a process of its own no folder": {
        "mic": MIC, "ears": "{component: audio.dmel, process: {reads: [/etc], writes: [/var]}, inputs: {audio: mic.audio}}"},
}


def replays(actors):
    def one(c):
        recording(c, actors)
        done = c.hocket("replay", "gift.mcap", "--out", "r", code=None)
        c.assertNotEqual(done.returncode, 0, done.stdout)
        c.assertIn("[trust.", done.stdout)  # for what it is, not for something else
    return one


for name, actors in REPLAYED.items():
    CASES[name] = replays(actors)


# ---------------------------------------------------------------- every path a graph names

INCLUDES = {
    "an included system file is not quoted": "/etc/passwd",
    "an included environment is not quoted": "/proc/self/environ",
    "an included device does not hang": "/dev/zero",
    "an included folder is refused": "/etc",
}


def includes(path):
    def one(c):
        c.write("g.yaml", graph({"part": "{include: {file: %s}}" % path}))
        done = c.hocket("validate", "g.yaml", code=2, env={"HOCKET_CANARY": CANARY})
        for words in ("root:", CANARY):
            c.assertNotIn(words, done.stdout)
    return one


for name, path in INCLUDES.items():
    CASES[name] = includes(path)


@row("aliases that multiply do not fill the memory")
def _(c):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(['*a%d' % (n - 1)] * 10)}]" for n in range(1, 10)]
    c.write("g.yaml", "hocket: 1\nname: g\n" + "\n".join(lines) + "\nactors: {}\n")
    c.hocket("validate", "g.yaml", code=2)


@row("brackets without end do not use up the stack")
def _(c):
    c.write("g.yaml", "hocket: 1\nname: g\nactors: " + "[" * 200_000)
    c.hocket("validate", "g.yaml", code=2)


@row("a file of a graph is not the run's own log")
def _(c):
    c.write("g.yaml", graph({"mic": MIC, "keys": "{component: text.console, script: ['0.1 hello']}",
                             "log": "{component: record.events, file: events.jsonl, inputs: {console: keys.text}}"}))
    done = c.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o", code=2)
    c.assertIn("events.jsonl", done.stdout)


# ---------------------------------------------------------------- what creates files

CREATES = {
    "keys of an API are private": (["keys", "--api", "ann", "--dir", "k"], 0),
    "a certificate's key is private": (["keys", "--tls", "localhost", "--dir", "k"], 0),
    "a picture that is made later is private": (["picture", "own/events.jsonl", "-o", "p/later.svg"], 0),
    "pieces that are merged are private": (["record", "merge", "p/all.mcap", "own.mcap"], None),
}


def creates(command, code):
    def one(c):
        old = os.umask(0)
        try:
            shutil.copytree(own_run().folder, c.folder, dirs_exist_ok=True)
            before = c.files()
            done = c.hocket(*command, code=code)
            made = c.files() - before
            c.assertTrue(made or code is None, done.stdout)
            public = (".pub", ".pem", ".crt")
            c.assertEqual([f for f in c.others_may_read(".") if not f.endswith(public)], [], done.stdout)
            for name in made:
                if name.endswith(public):
                    with open(c.path(name), "rb") as f:
                        c.assertNotIn(b"PRIVATE", f.read(), name)
        finally:
            os.umask(old)
    return one


for name, (command, code) in CREATES.items():
    CASES[name] = creates(command, code)


# ---------------------------------------------------------------- separators and escapes

ESC = "\x1b]0;owned\x07\x1b[2J"
SAYS = {
    "the name of a file that is not there moves no cursor": ["validate", ESC + ".yaml"],
    "the name of an output folder moves no cursor": ["run", "g.yaml", "--virtual", "--plain", "--out", ESC],
    "a parameter moves no cursor": ["validate", "g.yaml", "--param", ESC + "=1"],
    "a setting moves no cursor": ["validate", "g.yaml", "--set", "actors.mic." + ESC + "=1"],
    "an unknown command moves no cursor": [ESC],
    "an unknown component moves no cursor": ["describe", ESC],
    "the name of a recording moves no cursor": ["record", "info", ESC + ".mcap"],
    "the name of a host moves no cursor": ["run", "g.yaml", "--host", ESC],
}


def says(command):
    def one(c):
        c.write("g.yaml", graph({"mic": MIC}))
        done = c.hocket(*command)
        c.assertNotIn("\x1b", done.stdout)
        c.assertNotIn("\x07", done.stdout)
    return one


for name, command in SAYS.items():
    CASES[name] = says(command)


@row("a parameter makes no line of a unit")
def _(c):
    c.write("g.yaml", graph({"mic": MIC}, "params: {said: {type: string, default: x}}\n"))
    value = """said=x" %n ${HOME}' \\n: - {kind: Secret} #"""
    stands = {"systemd": ("hocket-case.service", """--param "said=x\\" %%n $${HOME}' \\\\n: - {kind: Secret} #" """),
              "kubernetes": ("hocket-case.yaml", """        - "said=x\\" %n ${HOME}' \\\\n: - {kind: Secret} #"\n""")}
    for kind, (file, escaped) in stands.items():
        done = c.hocket("export", kind, "g.yaml", "--out", kind, "--param", "said=x\nExecStartPre=/bin/evil\nkind: Secret", code=2)
        c.assertIn("[export.bad_text]", done.stdout)
        c.assertFalse(os.path.exists(c.path(kind)), done.stdout)
        c.hocket("export", kind, "g.yaml", "--out", kind, "--param", value, code=0)
        c.assertIn(escaped, c.read(os.path.join(kind, file)))


# ---------------------------------------------------------------- secrets

SECRETS = {
    "a secret in a component's type is not quoted": graph({"mic": "{component: '${env:HOCKET_CANARY}'}"}),
    "a secret in a link is not quoted": graph({"ears": "{component: audio.dmel, inputs: {audio: '${env:HOCKET_CANARY}.audio'}}"}),
    "a secret in a number is not quoted": graph({"out": "{component: playout.gst, delay_ms: '${env:HOCKET_CANARY}'}"}),
    "a secret in a choice is not quoted": graph({"out": "{component: playout.gst, to: '${env:HOCKET_CANARY}'}"}),
    "a secret in a pipeline that is wrong is not quoted": graph({"mic": "{component: capture.gst, pipeline: '${env:HOCKET_CANARY} ! ! x'}"}),
    "a secret in an address is not quoted": graph({"mic": MIC}, "hosts: {a: {listen: '${env:HOCKET_CANARY}'}}\n"),
    "a secret in an include is not quoted": graph({"part": "{include: {file: '${env:HOCKET_CANARY}.yaml'}}"}),
    "a secret in the name of a graph is not quoted": "hocket: 1\nname: '${env:HOCKET_CANARY} x'\nactors: {}\n",
    "a secret in a file that cannot be opened is not quoted": graph({"mic": "{component: capture.gst, file: '/nowhere/${env:HOCKET_CANARY}.wav'}"}),
}


def hides(text, looks):
    def one(c):
        c.write("g.yaml", text)
        for command in ([looks, "g.yaml"], ["run", "g.yaml", "--virtual", "--plain", "--out", "o"]):
            done = c.hocket(*command, env={"HOCKET_CANARY": CANARY})
            c.assertNotIn(CANARY, done.stdout, command)
        for name in c.files():
            if os.path.isfile(c.path(name)):
                c.assertNotIn(CANARY, c.read(name), name)
    return one


for n, (name, text) in enumerate(SECRETS.items()):
    CASES[name] = hides(text, ("validate", "doctor")[n % 2])


@row("a tool server that quotes the secret it was given is not quoted")
def _(c):
    c.write("replies.txt", "")
    say = 'echo "bad token: $HOCKET_CANARY" >&2; exit 1'
    c.write("g.yaml", graph({"keys": KEYS, "rules": RULES,
                             "mind": "{component: background.agent, tool_sources: {s: {use: mcp, command: [/bin/sh, -c, '%s'], environment: [HOCKET_CANARY]}}, "
                                     "tools: ['s.*'], inputs: {requests: rules.delegations}}" % say}))
    done = c.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o", env={"HOCKET_CANARY": CANARY})
    everything = done.stdout + "".join(c.read(name) for name in c.files("o") if os.path.isfile(c.path(name)))
    c.assertIn("bad token: ${env:HOCKET_CANARY}", everything)
    c.assertNotIn(CANARY, everything)


# ---------------------------------------------------------------- model files

def safetensors(header, body=b""):
    return struct.pack("<Q", len(header)) + header + body


MODELS = {
    "weights whose header is larger than the file are refused": struct.pack("<Q", 1 << 62) + b"{}",
    "weights whose tensors overlap are refused": safetensors(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
                                                 b'"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', bytes(12)),
    "weights whose shape wraps around are refused": safetensors(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}', bytes(8)),
    "weights of negative size are refused": safetensors(b'{"a":{"dtype":"F32","shape":[-2],"data_offsets":[8,0]}}', bytes(8)),
    "weights whose header is nested without end are refused": safetensors(b'{"a":' * 50_000),
}


def judges(data):
    def one(c):
        os.makedirs(c.path("m"))
        c.write("m/config.json", '{"model_type": "llama"}')
        c.write("m/model.safetensors", data)
        done = c.hocket("model", "info", "m")
        c.assertNotEqual(done.returncode, 0, done.stdout)
        c.assertLess(len(done.stdout), 5000)
    return one


for name, data in MODELS.items():
    CASES[name] = judges(data)


# ---------------------------------------------------------------- keys

def with_key(c, spoil):
    shutil.copytree(own_keys().path("keys"), c.path("keys"))
    c.write("g.yaml", graph({"mic": MIC.replace("gst,", "gst, on: a,")}, "hosts: {a: {listen: tcp://127.0.0.1:1, key: keys/a.pub}}\n"))
    spoil(c.path("keys"), c.path("keys/a.key"))
    done = c.hocket("run", "g.yaml", "--host", "a", "--virtual", "--plain", "--out", "o")
    c.assertNotEqual(done.returncode, 0, done.stdout)
    c.assertIn("keys", done.stdout)


def another(path, data):
    os.remove(path)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o600)


SPOILT_KEYS = {
    "a key that others can read is refused": lambda d, f: os.chmod(f, 0o640),
    "a key that others can write is refused": lambda d, f: os.chmod(f, 0o602),
    "a key in a folder that others can write to is refused": lambda d, f: os.chmod(d, 0o777),
    "a key that is a pipe does not hang": lambda d, f: (os.remove(f), os.mkfifo(f, 0o600)),
    "a key that is endless is refused": lambda d, f: another(f, b"x" * 20_000_000),
    "a key that is empty is refused": lambda d, f: another(f, b""),
}
for name, spoil in SPOILT_KEYS.items():
    CASES[name] = lambda c, spoil=spoil: with_key(c, spoil)


# ---------------------------------------------------------------- revisions that somebody planted

def spill(path, data):
    with open(path, "wb") as f:
        f.write(data)


REVISIONS = {
    "a revision that is a pipe does not hold a run": lambda p: os.mkfifo(p),
    "a revision that is noise is not gone on with": lambda p: spill(p, os.urandom(5000)),
    "a revision that is endless is not read": lambda p: os.symlink("/dev/zero", p),
    "a revision that is nested without end is not gone on with": lambda p: spill(p, b'{"a":' * 100_000),
}


def plants(make):
    def one(c):
        c.write("g.yaml", graph({"mic": MIC}))
        os.makedirs(c.path("o/revisions"))
        make(c.path("o/revisions/newest.json"))
        done = c.hocket("run", "g.yaml", "--virtual", "--plain", "--out", "o")
        c.assertNotIn("run.resumed", done.stdout)
        c.assertIn(done.returncode, (0, 2), done.stdout)
    return one


for name, make in REVISIONS.items():
    CASES[name] = plants(make)


# ---------------------------------------------------------------- resources that somebody used up

def limited(what, most):
    def one(c):
        c.write("g.yaml", graph({"mic": MIC, "wav": "{component: record.wav, inputs: {person: mic.audio}}"}))
        done = subprocess.run([HOCKET, "run", "g.yaml", "--virtual", "--plain", "--out", "o"], cwd=c.folder, timeout=300,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              preexec_fn=lambda: resource.setrlimit(what, (most, most)))
        c.assertGreaterEqual(done.returncode, 0, done.stdout[-500:])
        if done.returncode:
            c.assertTrue(done.stdout.strip())
    return one


LIMITS = {
    "a run with 8 descriptors ends with words": (resource.RLIMIT_NOFILE, 8),
    "a run with 12 descriptors ends with words": (resource.RLIMIT_NOFILE, 12),
    "a run with 16 descriptors ends with words": (resource.RLIMIT_NOFILE, 16),
    "a run with 24 descriptors ends with words": (resource.RLIMIT_NOFILE, 24),
    "a run with 40 descriptors ends with words": (resource.RLIMIT_NOFILE, 40),
    "files that may not grow end no run with a signal": (resource.RLIMIT_FSIZE, 4096),
    "without lockable memory a run goes on": (resource.RLIMIT_MEMLOCK, 0),
}
for name, (what, most) in LIMITS.items():
    CASES[name] = limited(what, most)


@row("a closed screen is no file of the run")
def _(c):
    c.write("g.yaml", graph({"mic": MIC, "wav": "{component: record.wav, inputs: {person: mic.audio}}"}))
    for fd in (0, 1, 2):
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" run g.yaml --virtual --plain --out o{fd} {fd}>&-', HOCKET], cwd=c.folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        c.assertGreaterEqual(done.returncode, 0)
        for line in c.read(f"o{fd}/events.jsonl").splitlines():
            c.assertTrue(line.startswith("{") and line.endswith("}"), line)
        with open(c.path(f"o{fd}/conversation.wav"), "rb") as f:
            c.assertEqual(f.read(4), b"RIFF")


class further(case):
    def test_there_are_enough(self):
        self.assertGreaterEqual(len(CASES), 50)


def method(f):
    return lambda self: f(self)


for name, f in CASES.items():
    setattr(further, "test " + name, method(f))

if __name__ == "__main__":
    main()
