"""Claims that many scenarios make. Each raises Failure with words where it does not hold."""

import subprocess

from support.failure import check, in_time

DETECTION_LIMIT_MS = 2000
RESTART_LIMIT_MS = 1000


def exits(run, code):
    run.wait()
    check(run.exit_code == code, f"exit code {code}, not {run.exit_code}")


def last_word(run, words):
    """The line before the list of files: why the run ended."""
    check(any(line.startswith(words) for line in run.log().splitlines()), f"the run says `{words}`")


def balanced(run):
    """sent = delivered + dropped + in flight: as the run says, and as its table adds up."""
    links = run.links()
    check(f"in flight: holds on {len(links)} links" in run.log(), "the run says that the law holds")
    for name, link in links.items():
        check(link["dropped"] == sum(link["reasons"].values()), f"{name}: each drop has a reason")
        check(link["sent"] == link["delivered"] + link["dropped"] + link["in_flight"],
              f"{name}: sent = delivered + dropped + in flight")


def link(run, name, **expected):
    """Figures of one link; `reasons` is compared as a whole."""
    found = run.links().get(name)
    check(found is not None, f"there is a link {name}")
    for key, value in expected.items():
        check(found[key] == value, f"{name}: {key} is {value}, not {found[key]}")


def untouched(run, actor, packets, gap_ms=1000):
    """A neighbour that got every packet, none damaged, and never waited long."""
    seen = run.witness(actor)
    check(seen["audio"] == packets, f"{actor} was handed {packets} packets, not {seen['audio']}")
    check(seen["bad"] == 0, f"{actor} was handed nothing bad, but {seen['first_bad']}")
    in_time(seen["longest_gap_ms"] < gap_ms,
            f"{actor} never waited {gap_ms} ms, but {seen['longest_gap_ms']:.0f}",
            seen["longest_gap_ms"] / gap_ms)


def life(run, actor, *expected):
    """The events of an actor's life that matter, in order."""
    names = ("failed", "hung", "restarting", "recovered", "lost")
    found = run.roles(actor, *names)
    check(found == list(expected), f"{actor}: {' '.join(expected)}; not {' '.join(found)}")


def told(run, actor, *expected):
    """The control that a witness was handed on its input `audio`, in order."""
    found = run.told(actor)
    check(found == list(expected), f"{actor} is told {' '.join(expected)}; not {' '.join(found)}")


def log_complete(run):
    """Every line of the event log is whole, and the last one says how the run ended."""
    check(run.torn() == "", "the event log ends with a newline")
    check(run.events and run.events[-1]["type"] == "end", "the last line of the event log is `end`")


def readable_after_death(bench, run, wav):
    """No torn lines before the last, a WAV that a stranger reads, a picture that can be drawn."""
    check(sum(e["type"] == "turn" for e in run.events) > 0, "micro-turns are in the event log")
    frames = run.wav(wav)
    check(frames > 0, f"{wav} is as long as its header says")
    drawn = subprocess.run([bench.tools.hocket, "picture", run.out / "events.jsonl"],
                           capture_output=True, text=True, check=False)
    check(drawn.returncode == 0, f"`hocket picture` draws what is left: {drawn.stderr}")


def detected(bench, run, actor="faulty", roles=("failed", "hung"), reported_by=None):
    """From the fault's own line in the log to the host's: by stream time where it runs, else by
    when each line was seen."""
    cause = next((e for e in run.all_of(actor, "log") if e["text"].startswith("fault: ")), None)
    check(cause is not None, f"{actor} came to its fault")
    names = (roles,) if isinstance(roles, str) else roles
    effect = next((e for e in run.events if e["type"] == "event" and e.get("role") in names
                   and e.get("actor") == (reported_by or actor)), None)
    check(effect is not None, f"the host notices: one of {', '.join(names)}")
    bench.found("detection_ms", _between_ms(cause, effect), DETECTION_LIMIT_MS)
    return effect


def restarted(bench, run, detection, actor="faulty"):
    """From the host's notice to the actor's next life."""
    back = next((e for e in run.all_of(actor, "recovered")), None)
    check(back is not None, f"{actor} recovers")
    bench.found("restart_ms", _between_ms(detection, back), RESTART_LIMIT_MS)


def process_started(bench, first_ms):
    """From the start of a new process to its first word: loading libraries and the graph. Not a
    promise of ours (it is the machine's and the linker's time), but measured against the same limit."""
    bench.found("process_start_ms", first_ms, RESTART_LIMIT_MS, claimed=False)


def started_anew(bench, run, actor):
    """The same command after a death: how soon the new process speaks, and its first actor is open."""
    opened = run.all_of(actor, "opened")[0]
    first_s = run.events[0]["seen_s"]
    process_started(bench, (first_s - run.started_s) * 1000)
    bench.found("restart_ms", (opened["seen_s"] - first_s) * 1000, RESTART_LIMIT_MS)


def _between_ms(first, second):
    if first["t_ms"] > 0:
        return second["t_ms"] - first["t_ms"]
    return (second["seen_s"] - first["seen_s"]) * 1000  # before stream time begins
