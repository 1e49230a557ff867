#!/usr/bin/env python3
"""A key is not a permission: what other hosts, and strangers, may have a host do."""

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import time
import unittest

from support import case, graph, LIVE, main, status

EARS = "{component: audio.dmel, on: gpu, inputs: {audio: mic.audio}}"
MIC = LIVE.replace("capture.gst,", "capture.gst, on: edge,")


def free_ports():
    """A port whose next one is free, too: below those that the kernel gives to outgoing connections, so
    that none of a flood's takes it while a host is started again."""
    for _ in range(200):
        port = random.randrange(12000, 32000, 2)
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", port))
                b.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue
    raise RuntimeError("no ports")


class two_hosts(case):
    keys = True

    def hosts(self, edge="", gpu=""):
        key = ", key: keys/%s.pub" if self.keys else "%.0s"
        return ("hosts:\n" + f"  edge: {{listen: tcp://127.0.0.1:{self.ports[0]}{key % 'edge'}{edge}}}\n"
                + f"  gpu: {{listen: tcp://127.0.0.1:{self.ports[1]}{key % 'gpu'}{gpu}}}\n")

    def setUp(self):
        super().setUp()
        self.ports = (free_ports(), free_ports())
        if self.keys:
            self.hocket("keys", "edge", "gpu", "--dir", "keys", code=0)

    def both(self, hosts=None, gpu_options=(), env=None):
        self.write("g.yaml", graph({"mic": MIC, "ears": EARS}, hosts or self.hosts()))
        gpu = self.start("run", "g.yaml", "--host", "gpu", "--out", "gpu", "--plain", *gpu_options, env=env)
        edge = self.start("run", "g.yaml", "--host", "edge", "--out", "edge", "--plain")
        for name in ("gpu", "edge"):
            self.wait_for(lambda: os.path.exists(self.path(name, "hocket.sock")))

        def flows():
            return any(link["delivered"] > 0 for link in status(self.path("gpu/hocket.sock"))["links"])
        self.wait_for(flows)
        return edge, gpu

    def asks(self, actors, hosts=None, out="edge"):
        self.write("new.yaml", graph(actors, hosts or self.hosts()))
        return self.hocket("apply", "new.yaml", "--out", out)


class peers(two_hosts):
    def test_a_peer_changes_the_graph_within_what_this_host_allows(self):
        os.mkdir(self.path("gpu_home"))
        self.write("gpu_home/secret", "hunter2")
        self.both()
        base = {"mic": MIC, "ears": EARS}
        for pipeline in ("dataurisrc uri=data:text/plain;base64,aGk= ! filesink location=gpu_home/keys "
                         "audiotestsrc is-live=true ! audioconvert ! audioresample",
                         "filesrc location=gpu_home/secret ! decodebin", "autoaudiosrc", "alsasrc",
                         "uridecodebin uri=http://127.0.0.1:9/"):
            thief = f'{{component: capture.gst, on: gpu, pipeline: "{pipeline}"}}'
            done = self.asks({**base, "thief": thief,
                              "e2": "{component: audio.dmel, on: gpu, inputs: {audio: thief.audio}}"})
            self.assertNotEqual(done.returncode, 0, pipeline)
            self.assertIn("may not use the GStreamer element", done.stdout, pipeline)
        done = self.asks({**base, "film": "{component: capture.gst, on: gpu, file: gpu_home/secret}",
                          "e2": "{component: audio.dmel, on: gpu, inputs: {audio: film.audio}}"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("may not read", done.stdout)
        self.assertEqual(os.listdir(self.path("gpu_home")), ["secret"])
        # What computes is welcome.
        done = self.asks({**base, "e2": "{component: audio.dmel, on: gpu, inputs: {audio: mic.audio}}"})
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_only_hosts_that_the_graph_names_may_change_it(self):
        hosts = self.hosts(gpu=", rewires: true")
        self.both(hosts)
        more = {"mic": MIC, "ears": EARS, "e2": "{component: audio.dmel, on: gpu, inputs: {audio: mic.audio}}"}
        done = self.asks(more, hosts, out="edge")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("rewires: true", done.stdout)

    def test_an_allow_list_of_this_host(self):
        self.write("allow.yaml", "peer:\n  components: [audio.*, capture.gst]\n")
        self.both(gpu_options=("--allow", "allow.yaml"))
        done = self.asks({"mic": MIC, "ears": EARS,
                          "log": "{component: record.wav, on: gpu, inputs: {person: mic.audio, model: mic.audio}}"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("may not use the component `record.wav`", done.stdout)
        self.write("bad.yaml", "peers: {}\n")
        self.hocket("run", "g.yaml", "--host", "gpu", "--allow", "bad.yaml", code=2)

    def test_no_host_reads_anothers_environment_or_files(self):
        self.write("gpu_only.yaml", "hocket: 1\nname: part\nactors: {x: {component: hunter2}}\n")
        self.both(env={"GPU_SECRET": "hunter2"})
        e2 = "{component: audio.dmel, on: gpu, inputs: {audio: mic.audio}, doc: \"${env:GPU_SECRET}\"}"
        done = self.asks({"mic": MIC, "ears": EARS, "e2": e2})
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("hunter2", done.stdout)

    def test_two_of_one_name_and_a_wrong_key(self):
        self.both()
        self.hocket("keys", "gpu", "--dir", "other", code=0)
        os.rename(self.path("other/gpu.key"), self.path("stolen.key"))
        done = self.hocket("run", "g.yaml", "--host", "gpu", "--secret-key", "stolen.key", "--out", "x", code=2)
        self.assertIn("does not belong", done.stdout)


class bad_peers(two_hosts):
    """`gpu` has its key and the graph's hash, and says what it likes to `edge`, which leads."""

    def talk(self, mode, count, read="", roles=""):
        self.write("g.yaml", graph({"mic": MIC, "local": "{component: audio.dmel, on: edge, inputs: {audio: mic.audio}}",
                                    "ears": EARS}, self.hosts(edge=roles)))
        edge = self.start("run", "g.yaml", "--host", "edge", "--out", "edge", "--plain",
                          env={"EDGE_SECRET": "hunter2"})
        self.wait_for(lambda: os.path.exists(self.path("edge/hocket.sock")))
        graph_hash = json.loads(self.hocket("apply", "g.yaml", "--from", "g.yaml", "--json", code=0).stdout)["hash_before"]
        done = subprocess.run([os.environ["BAD_PEER"], "gpu", "keys/gpu.key", f"tcp://127.0.0.1:{self.ports[1]}", "edge",
                               "keys/edge.pub", graph_hash, mode, str(count)], cwd=self.folder, text=True,
                              errors="replace", env={**os.environ, "READ": read}, stdout=subprocess.PIPE, timeout=400)
        self.assertIn("DONE", done.stdout)
        self.assertIsNone(edge.poll(), "the host ended")
        with open(f"/proc/{edge.pid}/status") as f:
            about = dict(line.split(":", 1) for line in f)
        self.assertLess(int(about["Threads"]), 60)
        # A sanitizer keeps what was freed for a while, and more room around what is not.
        most_kib = 1_000_000 if "ASAN_OPTIONS" in os.environ else 400_000
        self.assertLess(int(about["VmRSS"].split()[0]), most_kib)
        return done.stdout

    def test_questions_by_the_hundred(self):
        self.talk("ask", 3000)

    def test_answers_that_nobody_asked_for(self):
        self.talk("answer", 1500)

    def test_epochs_in_others_names_and_at_the_end_of_the_count(self):
        self.talk("epoch", 2000)
        # An interruption of the host's own would have wrapped.
        self.assertIn("links", status(self.path("edge/hocket.sock")))

    def test_who_may_not_change_the_graph_may_not_end_the_run(self):
        self.talk("stop", 300, roles=", rewires: true")
        lines = [json.loads(line) for line in self.read("edge/refusals.jsonl").splitlines()]
        self.assertEqual({(r["who"], r["verb"]) for r in lines}, {("host gpu", "stop the run")})
        self.assertLessEqual(len(lines), 101)  # the rest is a number, told at the end
        self.assertEqual(os.stat(self.path("edge/refusals.jsonl")).st_mode & 0o777, 0o600)
        self.assertIn("stop_refused", self.read("edge/events.jsonl"))

    def test_variables_and_files_of_the_leader(self):
        secret = self.write("edge_only/secret.yaml", "hocket: 1\nname: p\nactors: {hunter2: {component: hunter2}}\n")
        for read in ("{component: '${env:EDGE_SECRET}'}", "{include: {file: " + secret + "}}",
                     "{include: {file: ../../../../../../../../etc/passwd}}", "{component: text.console, '${env:EDGE_SECRET}': 1}"):
            said = self.talk("read", 1, read)
            self.assertIn("ANSWER", said)
            self.assertNotIn("hunter2", said)
            self.assertNotIn("root:", said)
            self.tearDown()
            self.started = []
            shutil.rmtree(self.path("edge"))


class neighbours(two_hosts):
    """Without keys in the graph, on loopback: a process of another user is nobody."""
    keys = False

    def test_another_user_cannot_be_a_host(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become another user")
        self.write("g.yaml", graph({"mic": MIC, "ears": EARS}, self.hosts()))
        os.chmod(self.folder, 0o777)
        os.chmod(self.path("g.yaml"), 0o644)
        edge = self.start("run", "g.yaml", "--host", "edge", "--out", "edge", "--plain")
        self.wait_for(lambda: os.path.exists(self.path("edge/hocket.sock")))

        def become_another():
            os.setgid(4243)
            os.setuid(4243)
        other = self.start("run", "g.yaml", "--host", "gpu", "--out", "gpu", "--plain", preexec_fn=become_another)
        least, most = time.monotonic() + 6, time.monotonic() + 120

        def events():
            files = [f"{name}/events.jsonl" for name in ("edge", "gpu")]
            return "".join(self.read(f) for f in files if os.path.exists(self.path(f)))
        while time.monotonic() < most and edge.poll() is None and other.poll() is None:
            if time.monotonic() > least and "key" in events():
                break
            try:
                links = status(self.path("edge/hocket.sock"))["links"]
            except OSError:  # it has ended
                continue
            self.assertEqual([link["delivered"] for link in links if link["delivered"]], [])
            time.sleep(0.1)
        for process in (edge, other):
            process.kill()
        # Who finds a stranger in a host's place says so; nobody takes one for a host.
        said = edge.stdout.read() + other.stdout.read() + events()  # the screen is told after the file
        self.assertIn("key", said)
        self.assertNotIn("host_up", said)


class strangers(two_hosts):
    def flood(self, port, seconds, meanwhile):
        """More idle connections than a process may have descriptors."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = min(1500, hard - 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most + 100, hard))
        held, end, done = [], time.monotonic() + seconds, False
        try:
            while time.monotonic() < end or not done:
                for _ in range(20):
                    s = socket.socket()
                    s.setblocking(False)
                    s.connect_ex(("127.0.0.1", port))
                    held.append(s)
                while len(held) > most:
                    held.pop(0).close()
                if not done and len(held) > most // 2:
                    done = True
                    meanwhile()
                time.sleep(0.005)
        finally:
            for s in held:
                s.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertTrue(done)

    def few(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def test_a_flood_of_idle_connections_and_a_peer_that_comes_back(self):
        self.write("g.yaml", graph({"mic": MIC, "ears": EARS}, self.hosts()))
        edge = self.start("run", "g.yaml", "--host", "edge", "--out", "edge", "--plain", preexec_fn=self.few)
        self.wait_for(lambda: os.path.exists(self.path("edge/hocket.sock")))
        started = []

        def meanwhile():
            started.append(self.start("run", "g.yaml", "--host", "gpu", "--out", "gpu", "--plain", preexec_fn=self.few))
        for lane in (0, 1):
            self.flood(self.ports[0] + lane, 4, meanwhile if not started else lambda: None)
            self.assertIsNone(edge.poll(), "the flood ended the host")
            self.assertLess(len(os.listdir(f"/proc/{edge.pid}/fd")), 230)

        def flows():
            return any(link["delivered"] > 0 for link in status(self.path("gpu/hocket.sock"))["links"])
        self.wait_for(lambda: os.path.exists(self.path("gpu/hocket.sock")) and flows())
        edge.send_signal(signal.SIGINT)

    def test_idle_clients_of_the_status_socket_keep_nobody_out(self):
        self.write("one.yaml", graph({"mic": LIVE, "ears": EARS.replace(", on: gpu", "")}))
        self.start("run", "one.yaml", "--out", "o", "--plain")
        path = self.path("o/hocket.sock")

        def listens():
            with socket.socket(socket.AF_UNIX) as s:
                return os.path.exists(path) and s.connect_ex(path) == 0
        self.wait_for(listens)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        held = []
        for _ in range(40):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            held.append(s)
        self.assertIn("links", status(path))
        self.assertEqual(self.hocket("apply", "one.yaml", "--out", "o").returncode, 0)
        for s in held:
            s.close()


if __name__ == "__main__":
    main()
