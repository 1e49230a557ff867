"""How a scenario ends early, and the one way to claim something."""


class Failure(Exception):
    """A claim of a scenario does not hold."""


class Skipped(Exception):
    """This machine cannot make the fault."""


def check(holds, words):
    """One claim: `words` say what should be true."""
    if not holds:
        raise Failure(words)
