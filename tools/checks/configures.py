"""The tree configures with each set of options that CI or a user builds, not only with the one that
the working build has: a generator expression that breaks on `address,undefined` shows here in seconds.
Nothing is compiled, and the folder goes afterwards."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from common import finding, run, skipped

VARIANTS = [
    ["-DHOCKET_SANITIZE=address,undefined", "-DHOCKET_ENGINE=OFF"],
    ["-DHOCKET_SANITIZE=thread", "-DHOCKET_ENGINE=OFF"],
    ["-DHOCKET_ENGINE=OFF", "-DHOCKET_TESTS=OFF"],
    ["-DCMAKE_BUILD_TYPE=Debug"],
]


def configure(root, options):
    """What CMake says when it fails, else nothing."""
    folder = tempfile.mkdtemp(prefix="hocket-configure-")
    try:
        done = subprocess.run(["cmake", "-S", root, "-B", folder, "-G", "Ninja", *options],
                              capture_output=True, text=True, errors="replace")
        return "" if done.returncode == 0 else done.stderr
    finally:
        shutil.rmtree(folder)


def check(files):
    if not shutil.which("cmake") or not shutil.which("ninja"):
        raise skipped("cmake or ninja is missing")
    found = []
    for options in VARIANTS:
        said = configure(files.root, options)
        if not said:
            continue
        place = re.search(r"CMake Error(?: in| at) ([^\s:]+)(?::(\d+))?", said)
        path, line = (place.group(1), int(place.group(2) or 1)) if place else ("CMakeLists.txt", 1)
        found.append(finding(os.path.relpath(path, files.root) if os.path.isabs(path) else path, line,
                             f"does not configure with {' '.join(options)}: {' '.join(said.split())[:400]}"))
    return found


PROJECT = "cmake_minimum_required(VERSION 3.25)\nproject(sample NONE)\nenable_testing()\n"
BAD = [
    ("does not configure with -DHOCKET_SANITIZE=address,undefined",
     {"CMakeLists.txt": PROJECT + "add_test(NAME a COMMAND true $<$<BOOL:${HOCKET_SANITIZE}>:--quick>)\n"}),
    ("does not configure with -DHOCKET_ENGINE=OFF -DHOCKET_TESTS=OFF",
     {"CMakeLists.txt": PROJECT + "if(NOT DEFINED HOCKET_ENGINE OR HOCKET_ENGINE OR HOCKET_SANITIZE)\nelse()\n"
                                  "  message(FATAL_ERROR no)\nendif()\n"}),
]
GOOD = [{"CMakeLists.txt": PROJECT + "add_test(NAME a COMMAND true)\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
