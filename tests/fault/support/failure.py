"""How a scenario ends early, and the one way to claim something."""


class Failure(Exception):
    """A claim of a scenario does not hold."""


class Late(Failure):
    """A claim about time does not hold: the program is too slow, or this machine stood still. `times`:
    how many times what was promised it took, or took of what was promised; 1 where that is no number."""

    def __init__(self, words, times=1.0):
        super().__init__(words)
        self.times = times


class Skipped(Exception):
    """This machine cannot make the fault."""


def check(holds, words):
    """One claim: `words` say what should be true."""
    if not holds:
        raise Failure(words)


missed = []  # each Late of the scenario that is played


def in_time(holds, words, times=1.0):
    """A claim that a machine which stands still may break. The scenario goes on all the same: its other
    claims hold on any machine, and none of them is left out for this one."""
    if not holds:
        missed.append(Late(words, times))
