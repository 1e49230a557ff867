#!/usr/bin/env python3
"""The near end: measures as `hocket bench wire` does, and writes dora-benchmark's columns."""
import datetime
import itertools
import os
import time

import numpy
import pyarrow
from dora import Node

SIZES = [8, 64, 512, 4096, 40960, 65536, 409600, 1 << 20, 4 << 20]
SECONDS = float(os.environ["DORA_BENCH_SECONDS"])  # for each size and each of the two ways
node = Node()


numbers = itertools.count(1)
lost = []


def send(data, order, series=0):
    number = next(numbers)
    node.send_output("there", data, {"order": order, "number": number, "series": series,
                                     "sent_ns": time.monotonic_ns()})
    return number


def answer(number, limit_s):
    """What the far end sends back for this number; None where nothing comes in time."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        event = node.next(timeout=limit_s)
        if event and event["type"] == "INPUT" and event["metadata"]["number"] == number:
            return event["value"]
    return None


def contents(size_bytes):
    """Four to send in turn, made before the clock runs."""
    return [pyarrow.array(numpy.full(size_bytes, i, numpy.uint8)) for i in range(4)]


def pings(data):
    """Half of each round trip, one packet at a time, as fast as they go."""
    out, missing = [], 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until or len(out) < 20:
        began_ns = time.monotonic_ns()
        if answer(send(data[len(out) % 4], "echo"), 2) is not None:
            out.append((time.monotonic_ns() - began_ns) / 2)
        else:
            missing += 1
            assert missing < 20, "the far end does not answer"
    if missing:
        lost.append("ping, %d bytes: %d of %d packets" % (len(data[0]), missing, missing + len(out)))
    return out


def paced(data, size_bytes):
    """One way, a packet each ms (above 64 KiB: each 10 ms): everybody sleeps in between."""
    interval_s = 0.01 if size_bytes > 65536 else 0.001
    sent = 0
    next_s = time.monotonic()
    until = next_s + SECONDS
    while next_s < until:
        next_s += interval_s
        time.sleep(max(0, next_s - time.monotonic()))
        send(data[sent % 4], "time", size_bytes)
        sent += 1
    # The question, or its answer, may get lost as everything else, or overtake what was sent before.
    came = None
    for _ in range(6):
        came = answer(send(data[0], "report", size_bytes), 2) or came
        if came is not None and len(came) == sent:
            break
        time.sleep(0.5)
    assert came is not None and len(came) > 0, "nothing came"
    if len(came) != sent:
        lost.append("paced, %d bytes: %d of %d packets" % (size_bytes, sent - len(came), sent))
    return came.to_numpy()


def row(name, size_bytes, times_ns):
    # The first twentieth warms caches and threads up.
    us = numpy.asarray(times_ns, float)[len(times_ns) // 20:] / 1e3
    p50, p90, p99 = numpy.quantile(us, [0.5, 0.9, 0.99], method="lower")
    return "%s,Python,dora %s,%s,%d,%.2f,%.2f,%.2f,%.2f,%d" % (
        datetime.date.today(), os.environ["DORA_BENCH_VERSION"], name, size_bytes, us.mean(), p50,
        p90, p99, len(us))


def main():
    # Written whole at the end: a file that is there is complete.
    rows = ["date,language,platform,name,size_bytes,avg_us,p50_us,p90_us,p99_us,n"]
    for size_bytes in SIZES:
        data = contents(size_bytes)
        rows.append(row("dora ping", size_bytes, pings(data)))
        rows.append(row("dora paced", size_bytes, paced(data, size_bytes)))
    send(contents(8)[0], "end")
    for line in lost:
        print("LOST: dora " + line, flush=True)
    path = os.environ["DORA_BENCH_CSV"]
    with open(path + ".part", "w") as f:
        f.write("\n".join(rows) + "\n")
    os.rename(path + ".part", path)


main()
