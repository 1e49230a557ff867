"""The graph most scenarios use: relay.yaml beside this file, and what is claimed of each run."""

import pathlib

from support import claims

GRAPH = pathlib.Path(__file__).parent / "relay.yaml"
PACKETS = 100  # of 20 ms: what the tone sends
FRAMES = PACKETS * 320


def relay(bench, settings, graph=GRAPH, out="out"):
    """Runs the graph with settings of its actor `faulty`; the fault comes after 500 ms."""
    wanted = {"at_ms": 500, **settings}
    return bench.start(graph, {f"actors.faulty.{k}": v for k, v in wanted.items()}, out=out)


def last_fault(run, wav="faults.wav"):
    """What holds at the end of every orderly run: books, log and recording."""
    claims.balanced(run)
    claims.log_complete(run)
    frames = run.wav(wav)
    claims.check(frames > 0, f"{wav} is as long as its header says")
    return frames
