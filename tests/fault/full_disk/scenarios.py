"""A run whose output folder is on a disk that fills up, and gets room again."""

import contextlib
import json
import os
import re
import signal
import subprocess

from support import claims, host_claims
from support.failure import Skipped, check, in_time
from support.hosts import NAMES, Hosts
from support.relay import GRAPH
from support.scenario import scenario

DISK_MIB = 1
LOST = re.compile(r"lost_frames (\d+)")


@contextlib.contextmanager
def small_disk(folder, mib=DISK_MIB):
    """A small file system in memory; needs root and the right to mount."""
    if os.geteuid() != 0:
        raise Skipped("only root can mount a small disk")
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Skipped(f"cannot mount a small disk: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def fill(path):
    """Takes all the room that is left, to the last byte."""
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


@scenario(
    setup="a tone through a relay, recorded to a disk of 1 MiB",
    fault="the disk fills up after five micro-turns, and has room again after the recorder has said so",
    recovery="the recorder says `No space left on device` and that its file has a gap, counts what is "
             "missing, and goes on when there is room; no actor fails; SIGTERM ends it in order",
    invariant="the law holds; nobody misses a packet; the event log has whole lines only and says how "
              "many are missing; the recording is readable, and with what is missing as long as the run")
def full_disk(bench):
    disk = bench.stack.enter_context(small_disk(bench.folder / "disk"))
    run = bench.start(GRAPH, {
        "actors.tone.pipeline": "audiotestsrc num-buffers=3000 samplesperbuffer=320 ! "
                                "audio/x-raw,rate=16000"},
        out="disk/out", log=bench.folder / "log.txt")
    run.wait_for_turns(5)
    fill(disk / "ballast")
    run.wait_for(lambda: "faults.wav has a gap" in run.log(), "the recorder says what is wrong")
    check("No space left on device" in run.log(), "the message says what is wrong")
    (disk / "ballast").unlink()
    run.wait_for(lambda: run.all_of("", "log_gap"), "the event log goes on")
    turns = sum(e["type"] == "turn" for e in run.events)
    run.wait_for_turns(turns + 5)
    run.signal(signal.SIGTERM)
    claims.exits(run, 0)
    claims.last_word(run, "stopped after")
    claims.balanced(run)
    claims.log_complete(run)
    check("lines are missing: No space left" in run.log(), "the run says that its log has a gap")
    neighbour = run.links()["tone.audio > neighbour.audio"]
    claims.untouched(run, "neighbour", neighbour["sent"])
    into = run.links()["tone.audio > record.person"]
    check(not into["reasons"], f"the recorder took all that came: {into}")
    lost = LOST.search(run.log())  # none where what waited found room
    recorded_s = (run.wav("faults.wav") + (int(lost[1]) if lost else 0)) / 16000
    missing_s = run.events[-1]["t_ms"] / 1000 - recorded_s
    in_time(missing_s < 0.5, f"the recording reaches the end of the run: {recorded_s:.1f} s",
            missing_s / 0.5)


@scenario(
    setup="three hosts as processes of one machine, each with `--record` of all that it emits to one "
          "disk of 12 MiB",
    fault="the disk fills up after some seconds, and stays full",
    recovery="each recorder says so at once and keeps what fits; the run goes on",
    invariant="no host is called lost, no lossless flow waits for half a second, lossless links lose "
              "nothing, the law holds; what was recorded can be read, and says that it is not whole")
def full_disk_hosts(bench):
    disk = bench.stack.enter_context(small_disk(bench.folder / "disk", mib=12))
    hosts = Hosts(bench, settings={f"actors.{a}.bytes": 8192 for a in ("pulse", "steady", "echo")})
    hosts.arguments = {name: ["--record", disk / f"{name}.mcap"] for name in NAMES}
    hosts.start_all()
    marks = hosts.marks()
    from_s = hosts.wait_for_flows() / 1000
    hosts.wait_for(lambda: all("[record.gap]" in p.log() for p in hosts.now.values()),
                   "each recorder warns that its disk is full")
    hosts.run_for(2)
    host_claims.nobody_lost(hosts, marks)
    to_s = min(hosts.ledger(a)[-1][2] for a in host_claims.LOSSLESS)
    host_claims.memory_bounded(bench, hosts)
    hosts.stop()
    host_claims.law(hosts)
    host_claims.all_ledgers(hosts)
    gap_ms = max(host_claims.longest_gap_ms(hosts.ledger(a), from_s, to_s)
                 for a in host_claims.LOSSLESS)
    bench.found("longest_gap_ms", gap_ms, 500)
    for name, process in hosts.now.items():
        check("No space left on device" in process.log() and "is INCOMPLETE" in process.log(),
              f"{name} says at its end that the recording is not whole, and why")
        told = subprocess.run([bench.tools.hocket, "record", "info", "--json",
                               disk / f"{name}.mcap"], capture_output=True, text=True, check=False)
        check(told.returncode == 0, f"the recording of {name} can be read: {told.stderr}")
        check(json.loads(told.stdout)["packets"] > 20, f"{name} recorded until the disk was full")
