"""What takes something for granted is found within some seeds, and what does not stays whole.

    finds.py PREY LIBRARY
"""

import os
import subprocess
import sys

SEEDS = 200  # each finds one in two to ten; the check ends at the first


def ends(prey, library, what, seed):
    environment = dict(os.environ, LD_PRELOAD=library, JITTER_SEED=str(seed))
    return subprocess.run([prey, what], env=environment, timeout=120).returncode


def main():
    prey, library = sys.argv[1:3]
    for what in ("order", "wakeup", "piece", "soon"):
        for seed in range(1, SEEDS + 1):
            code = ends(prey, library, what, seed)
            assert code in (0, 1), f"{what} ended with {code}"
            if code == 1:
                print(f"{what}: found with seed {seed}")
                break
        else:
            raise AssertionError(f"{what}: not found with {SEEDS} seeds")
    for seed in range(1, 11):
        code = ends(prey, library, "sound", seed)
        assert code == 0, f"sound ended with {code} under seed {seed}"


main()
