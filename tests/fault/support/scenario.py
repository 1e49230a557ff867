"""What a scenario is, how scenario files declare one, and how one is run."""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import shutil
import sys
import tempfile

from support import failure, hocket_process
from support.failure import Failure, Skipped, in_time
from support.metronome import Metronome

# What a busy machine may do to a scenario: it is played again where a claim about time is missed, or
# where the machine verifiably stood still for so long while another one was. Times that are missed in
# each play of a machine that was not ours are told, and decide nothing: it stood still, or others took
# so much of its cores, or its threads are slow on purpose (tests/jitter). Not so what no machine
# explains: where in each play a time is missed by so many times, or another claim fails, too.
PLAYS = 3
STOOD_STILL_MS = 150
OTHERS_SHARE = 0.25
GROSSLY = 10


@dataclasses.dataclass
class Tools:
    hocket: pathlib.Path
    plugin: pathlib.Path


def tools_in(build):
    """The programs of a build folder, or the path of the one that is missing."""
    tools = Tools(build / "hocket", build / "plugins_for_tests" / "faulty.so")
    for path in (tools.hocket, tools.plugin):
        if not path.exists():
            return str(path)
    return tools


class Bench:
    """What a scenario works with: a folder of its own, processes, and the figures it found."""

    def __init__(self, tools, folder):
        self.tools = tools
        self.folder = folder
        self.figures = {}  # name with its unit last, such as "detection_ms": (value, limit)
        self.stack = contextlib.ExitStack()
        self.processes = []

    def start(self, graph, settings=(), out="out", log=None):
        """`hocket run GRAPH` in real time; ends with the scenario at the latest. What it prints
        goes to `log`, if not beside `out`."""
        made = hocket_process.HocketProcess(
            self.tools, graph, self.folder / out, dict(settings), log)
        self.stack.callback(made.kill)
        self.processes.append(made)
        return made

    def found(self, name, value, limit=None, claimed=True):
        """A figure to report; where it has a limit, the report says whether it is met. The scenario
        does not hold where it is not, unless it is not `claimed`."""
        self.figures[name] = (value, limit)
        words = f"{name} is {value:.0f}, at most {limit} is promised"
        if claimed and limit is not None and value > limit:
            if not name.endswith("_ms"):
                raise Failure(words)
            in_time(False, words, value / limit)


@dataclasses.dataclass
class Result:
    scenario: "Scenario"
    holds: bool
    skipped: str = ""
    problem: str = ""
    late_times: float = 0.0  # the worst time that was missed, in times of what was promised; 0: none was
    is_wrong: bool = False  # a claim that has nothing to do with time does not hold
    figures: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Scenario:
    name: str
    family: str
    setup: str
    fault: str
    recovery: str
    invariant: str
    body: object

    def run(self, tools, keep=None):
        """Plays it, again where it may have been the machine; what fails each time fails, but for
        times on a machine that was not ours."""
        may_be_the_machine, is_never_excused = True, True
        for left in reversed(range(PLAYS)):
            with Metronome() as machine:
                result = self.play(tools, keep)
            if result.holds or result.skipped:
                return result
            stood = machine.worst_ms > STOOD_STILL_MS
            is_late = result.late_times > 0
            if not (is_late or stood):
                return result
            was_not_ours = (stood or machine.others_share > OTHERS_SHARE
                            or "JITTER_SEED" in os.environ)
            may_be_the_machine &= is_late and was_not_ours
            is_never_excused &= result.is_wrong or result.late_times >= GROSSLY
            words = (f"the machine stood still for {machine.worst_ms:.0f} ms, others took "
                     f"{machine.others_share:.0%} of it")
            if left > 0:
                print(f"{self.name}: played again ({words}): {result.problem}", file=sys.stderr)
        if may_be_the_machine and not is_never_excused:
            result.skipped = (f"not judged: a time was missed in each of {PLAYS} plays ({words}): "
                              f"{result.problem}")
            result.problem = ""
        return result

    def play(self, tools, keep=None):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"hocket_{self.name}_"))
        bench = Bench(tools, folder)
        failure.missed.clear()
        try:
            with bench.stack:
                try:
                    self.body(bench)
                finally:
                    if keep:  # here, since a disk that the scenario mounted goes with the stack
                        copy(folder, keep / self.name)
            return self.result(bench)
        except Skipped as why:
            return Result(self, False, skipped=str(why))
        except Failure as why:
            return self.result(bench, why)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def result(self, bench, *wrong):
        problems = [str(why) for why in (*wrong, *failure.missed)]
        if problems:
            problems += [p.last_lines() for p in bench.processes[-1:]]
        return Result(self, not problems, problem="\n".join(problems), figures=bench.figures,
                      late_times=max((why.times for why in failure.missed), default=0.0),
                      is_wrong=bool(wrong))


def copy(folder, to):
    shutil.copytree(folder, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock", "*.ipc*"))


_declared = []


def scenario(setup, fault, recovery, invariant):
    """Declares the function below it, which gets a Bench, as the scenario of its name."""
    def declare(body):
        _declared.append(Scenario(body.__name__, "", setup, fault, recovery, invariant, body))
        return body
    return declare


def load(root):
    """All scenarios below `root`, by name: each folder there with a `scenarios.py` is a family."""
    known = {}
    for path in sorted(root.glob("*/scenarios.py")):
        _declared.clear()
        spec = importlib.util.spec_from_file_location(f"fault_{path.parent.name}", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        for one in _declared:
            assert one.name not in known, f"{path}: a second {one.name}"
            one.family = path.parent.name
            known[one.name] = one
    return known
