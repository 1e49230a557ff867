"""Somebody at the port who does not belong there, while three hosts talk."""

import random
import shutil
import socket
import subprocess
import threading
import time

from support import claims, host_claims, zmtp
from support.failure import check, in_time
from support.hosts import NAMES, HostProcess, Hosts
from support.scenario import scenario

UNMOVED = ("the three go on as if nothing were: nobody is called lost, no lossless flow waits for a "
           "second, lossless links lose nothing, memory is bounded, the law holds")


class Talk:
    """Three hosts over loopback TCP; at the end they must not have noticed anything.

    `plain`: without the keys that hosts of one machine have of their own, so that what a stranger
    says gets as far as our decoders."""

    def __init__(self, bench, keys=False, plain=False):
        self.bench = bench
        options = {name: {"insecure": "true"} for name in NAMES} if plain else None
        self.hosts = Hosts(bench, loopback=True, keys=keys, host_options=options).start_all()
        self.hosts.run_for(1)
        self.marks = self.hosts.marks()
        self.begun_s = time.monotonic()

    def end(self, memory_limit_mib=host_claims.MEMORY_LIMIT_MIB):
        hosts = self.hosts
        hosts.run_for(0.5)
        over_s = time.monotonic()
        host_claims.nobody_lost(hosts, self.marks)
        host_claims.memory_bounded(self.bench, hosts, memory_limit_mib)
        hosts.stop()
        host_claims.law(hosts)
        host_claims.all_ledgers(hosts)
        gap_ms = max(host_claims.longest_gap_ms(hosts.ledger(a), self.begun_s, over_s)
                     for a in host_claims.LOSSLESS)
        self.bench.found("longest_gap_ms", gap_ms, 1000)

    def intruder(self, graph):
        """A real `hocket run` that claims to be left and calls the others; it is refused."""
        bench, hosts = self.bench, self.hosts
        words = ["--host", "left", "--listen", "tcp://127.0.0.1:0"]
        for peer in ("mid", "right"):
            words += ["--peer", f"{peer}={hosts.address_of(peer)}"]
        process = HostProcess("left", bench.tools, graph, bench.folder / "intruder", {},
                              bench.folder / "intruder.txt", form="--plain", arguments=words)
        bench.stack.callback(process.kill)
        process.wait()
        refused = [e for e in process.events if e.get("role") == "host_refused"]
        check(refused, f"the intruder is refused: {process.last_lines()}")
        waited_s = refused[0]["seen_s"] - process.events[0]["seen_s"]
        bench.found("detection_ms", waited_s * 1000, claims.DETECTION_LIMIT_MS)
        check(process.exit_code == 1, f"the intruder ends with 1, not {process.exit_code}")
        return process.log()


def with_strange_keys(talk, ours):
    """What a process says at its end that calls itself left, with new pairs of keys for `ours`."""
    made = stranger_keys(talk.bench, ours)
    return talk.intruder(other_graph(talk.hosts, "intruder.yaml", lambda text: text.replace(
        f"{talk.bench.folder}/keys", str(made))))


def other_graph(hosts, name, change):
    path = hosts.graph.parent / name
    path.write_text(change(hosts.graph.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def stranger_keys(bench, ours):
    """A folder of keys as the real one, but for new pairs of `ours`."""
    made = bench.folder / "other_keys"
    shutil.copytree(bench.folder / "keys", made)
    for name in ours:
        for kind in ("key", "pub"):
            (made / f"{name}.{kind}").unlink()
    subprocess.run([bench.tools.hocket, "keys", *ours, "--dir", made], check=True,
                   stdout=subprocess.DEVNULL)
    return made


@scenario(
    setup="three hosts over loopback TCP with CURVE keys",
    fault="a fourth process calls itself left, with a key that the others do not know",
    recovery="it gets no further than ZeroMQ's handshake, is told that its key is not accepted, and "
             "ends with exit code 1",
    invariant=UNMOVED)
def wrong_key(bench):
    talk = Talk(bench, keys=True)
    said = with_strange_keys(talk, ["left"])
    check("does not accept our key" in said, f"it is told why: {said[-600:]}")
    talk.end()


@scenario(
    setup="three hosts over loopback TCP with CURVE keys",
    fault="a fourth process calls itself left, and knows other public keys of the others",
    recovery="it finds that they are not who it takes them for, says so, and ends with exit code 1",
    invariant=UNMOVED)
def wrong_server_key(bench):
    talk = Talk(bench, keys=True)
    said = with_strange_keys(talk, ["mid", "right"])
    check("another key than in our graph" in said, f"it says why: {said[-600:]}")
    talk.end()


@scenario(
    setup="three hosts over loopback TCP",
    fault="a fourth process calls itself left, and runs another graph",
    recovery="it is refused with both hashes named, and ends with exit code 1",
    invariant=UNMOVED)
def wrong_graph(bench):
    talk = Talk(bench)
    said = talk.intruder(other_graph(
        talk.hosts, "intruder.yaml", lambda text: text.replace("name: three_hosts", "name: four")))
    check("graph hash differs" in said and "wire.wrong_graph" in said, f"it says why: {said[-600:]}")
    talk.end()


@scenario(
    setup="three hosts over loopback TCP",
    fault="somebody calls himself left and speaks protocol version 99",
    recovery="he is refused, and both versions are named",
    invariant=UNMOVED)
def wrong_version(bench):
    talk = Talk(bench, plain=True)
    begun_s = time.monotonic()
    address = talk.hosts.address_of("right").rpartition("/")[2].split(":")
    dealer = zmtp.Dealer((address[0], int(address[1])))
    dealer.send(zmtp.hello(77, "left", protocol=99))
    answer = dealer.receive().decode("utf-8", "replace")
    bench.found("detection_ms", (time.monotonic() - begun_s) * 1000, claims.DETECTION_LIMIT_MS)
    dealer.close()
    check("wire.wrong_version" in answer, f"the answer has the code: {answer}")
    check("right has 2, left has 99" in answer, f"the answer has both values: {answer}")
    talk.end()


def at_all_ports(hosts):
    return [("127.0.0.1", port) for name in NAMES[1:] for port in hosts.ports_of(name)]


@scenario(
    setup="three hosts over loopback TCP",
    fault="for four seconds strangers send to every port: random bytes, HTTP, half greetings that "
          "stay open, frames that claim 2^62 bytes, good frames with garbage inside",
    recovery="each is counted and cut off, or left to wait; nobody else is",
    invariant=UNMOVED)
def garbage_on_the_port(bench):
    talk = Talk(bench, plain=True)
    chance = random.Random(4)
    kinds = [lambda: chance.randbytes(3000),
             lambda: b"GET / HTTP/1.1\r\nHost: hocket\r\n\r\n",
             lambda: zmtp.GREETING[:chance.randrange(1, 60)],
             lambda: zmtp.GREETING + zmtp.ready(b"x" * 9) + b"\x02" + bytes([64] + [0] * 7),
             lambda: zmtp.GREETING + zmtp.ready(b"y" * 9) + zmtp.frame(chance.randbytes(500)) * 20,
             lambda: zmtp.GREETING + zmtp.ready(b"z" * 9) + zmtp.frame(b"", 1) * 50]
    open_ones, sent = [], 0
    ports = at_all_ports(talk.hosts)
    check(len(ports) >= 4, f"two hosts listen at two ports each: {ports}")
    end_s = time.monotonic() + 4
    while time.monotonic() < end_s:
        stranger = socket.create_connection(chance.choice(ports), timeout=120)
        try:
            stranger.sendall(chance.choice(kinds)())
            sent += 1
        except OSError:
            pass  # cut off while it spoke
        open_ones.append(stranger)
        if len(open_ones) > 200:
            open_ones.pop(0).close()
        talk.hosts.run_for(0.005)
    for stranger in open_ones:
        stranger.close()
    bench.found("strangers", sent)
    in_time(sent > 100, f"there were many: {sent}", 100 / max(1, sent))
    talk.end()


def pour(address, stop, counts, message):
    """Sends one message again and again, as fast as the receiver takes it, until told to stop."""
    sent = 0
    try:
        dealer = zmtp.Dealer(address)
        block = zmtp.frame(message) * max(1, 65536 // len(message))
        rest = memoryview(block)
        dealer.socket.settimeout(0.2)
        while not stop.is_set():
            try:
                taken = dealer.socket.send(rest)
            except TimeoutError:
                continue
            sent += taken
            rest = rest[taken:] or memoryview(block)
        dealer.close()
    except OSError:
        pass  # cut off: good
    counts.append(sent)


@scenario(
    setup="three hosts over loopback TCP",
    fault="for four seconds six strangers send to the control and data ports as fast as they are "
          "taken: heartbeats of a connection that there is not, greetings of hosts that there are "
          "not, and 100 KB of garbage each",
    recovery="what is no message of a peer is left out; peers are heard between the strangers",
    invariant=UNMOVED)
def port_flood(bench):
    talk = Talk(bench, plain=True)
    stop, counts, threads = threading.Event(), [], []
    floods = [zmtp.beat(12345, 1), zmtp.hello(5, "nobody", 1), random.randbytes(100_000)]
    targets = [("127.0.0.1", port) for port in talk.hosts.ports_of("right")]
    for target in targets[:2]:
        for message in floods:
            threads.append(threading.Thread(target=pour, args=(target, stop, counts, message)))
            threads[-1].start()
    try:
        talk.hosts.run_for(4)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    bench.found("flood_mib", sum(counts) / 2**20)
    in_time(sum(counts) > 2**20, f"it was a flood: {sum(counts)} bytes", 2**20 / max(1, sum(counts)))
    # ZeroMQ keeps 128 messages for each connection; two of the strangers send 100 KB each.
    talk.end(memory_limit_mib=64)
