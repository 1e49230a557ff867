"""How a scenario ends early, and the one way to claim something."""


class Failure(Exception):
    """A claim of a scenario does not hold."""


class Late(Failure):
    """A claim about time does not hold: the program is too slow, or this machine stood still."""


class Skipped(Exception):
    """This machine cannot make the fault."""


def check(holds, words, kind=Failure):
    """One claim: `words` say what should be true."""
    if not holds:
        raise kind(words)


def in_time(holds, words):
    """A claim that a machine which stands still may break."""
    check(holds, words, Late)
