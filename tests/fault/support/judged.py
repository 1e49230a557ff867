#!/usr/bin/env python3
"""What decides a scenario, and what a busy machine may excuse: scenarios of made-up plays."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import metronome, scenario  # noqa: E402
from support.failure import check, in_time  # noqa: E402


def machine(stood_ms=0.0, others=0.0):
    made = mock.MagicMock(worst_ms=stood_ms, others_share=others)
    made.__enter__.return_value = made
    return made


OURS, BUSY, STOPPED = machine(), machine(others=0.5), machine(stood_ms=400)


def late(times=2.0):
    return lambda bench: bench.found("restart_ms", 1000 * times, 1000)


def wrong(_):
    check(False, "nothing is lost")


def both(bench):
    late()(bench)
    wrong(bench)


def fine(_):
    pass


@mock.patch.dict(os.environ)
class Judged(unittest.TestCase):
    def outcome(self, *plays, on):
        """`plays`: what each does, in order; `on`: the machine of all, or of each."""
        os.environ.pop("JITTER_SEED", None)
        left = list(plays)
        one = scenario.Scenario("made_up", "", "", "", "", "", lambda bench: left.pop(0)(bench))
        machines = iter(on if isinstance(on, list) else [on] * len(plays))
        with mock.patch.object(scenario, "Metronome", lambda: next(machines)):
            with contextlib.redirect_stderr(io.StringIO()):
                result = one.run(None)
        self.assertEqual(left, [])
        return "skipped" if result.skipped else "holds" if result.holds else result.problem

    def test_times_are_excused_by_a_machine_that_is_not_ours_alone(self):
        self.assertEqual(self.outcome(late(), fine, on=OURS), "holds")
        for busy in (BUSY, STOPPED):
            self.assertEqual(self.outcome(late(), late(), late(), on=busy), "skipped")
        self.assertIn("restart_ms is 2000", self.outcome(late(), late(), late(), on=OURS))
        self.assertIn("restart_ms", self.outcome(late(), late(), late(), on=[BUSY, OURS, BUSY]))

    def test_no_machine_excuses_a_time_that_is_missed_grossly(self):
        self.assertIn("restart_ms", self.outcome(late(30), late(30), late(30), on=BUSY))
        self.assertEqual(self.outcome(late(30), late(), late(30), on=BUSY), "skipped")

    def test_nothing_but_time_is_excused(self):
        self.assertIn("nothing is lost", self.outcome(wrong, on=OURS))
        self.assertIn("nothing is lost", self.outcome(wrong, on=BUSY))
        self.assertIn("nothing is lost", self.outcome(wrong, wrong, wrong, on=STOPPED))
        # Beside a time that was missed, too: it does not hide what comes after it.
        for on in (OURS, BUSY, STOPPED):
            self.assertIn("nothing is lost", self.outcome(both, both, both, on=on))

    def test_a_missed_time_leaves_the_other_claims(self):
        seen = []

        def two(_):
            in_time(False, "the first")
            in_time(False, "the second")
            seen.append("the end")
        said = self.outcome(two, two, two, on=OURS)
        self.assertIn("the first\nthe second", said)
        self.assertEqual(len(seen), 3)


class Own(unittest.TestCase):
    def test_what_children_leave_behind_is_ours_running_or_ended(self):
        with metronome.Metronome():
            for still_runs in (False, True):
                before_s = metronome._own_s()
                # What it leaves behind takes a second of CPU time, tells that, and ends, or does not yet.
                words = ("import sys, time\nwhile time.process_time() < 1: pass\n"
                         "print('done', flush=True)\n" + "sys.stdin.read()" * still_runs)
                with subprocess.Popen(["sh", "-c", 'exec 3<&0; "$0" -c "$1" <&3 & exit 0',
                                       sys.executable, words],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
                    self.assertEqual(parent.wait(120), 0)
                    self.assertEqual(parent.stdout.readline(), b"done\n")
                    if not still_runs:
                        self.assertEqual(parent.stdout.read(), b"")
                    self.assertGreater(metronome._own_s() - before_s, 0.9)


if __name__ == "__main__":
    unittest.main()
