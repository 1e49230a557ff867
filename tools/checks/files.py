"""Files are created by graph/trust alone: private, beneath a folder, through no link."""

import re
import sys

from common import finding, run

# Where the layer itself lies, and code that runs on nobody's data: tests and what they start.
ALLOWED = ("graph/trust/", "tests/")
PATTERNS = (
    (re.compile(r"\bstd::(?:basic_)?(?:ofstream|fstream)\b"), "std::ofstream"),
    (re.compile(r'\b(?:fopen|fdopen|freopen)\s*\((?![^;]*,\s*"r[be]*"\s*[,)])(?!"/dev/null")|'
                r"\b(?:tmpfile|mkstemp|mkostemp|mkdtemp|creat)\s*\("), "fopen and its like"),
    (re.compile(r"\bO_(?:CREAT|TMPFILE)\b"), "O_CREAT"),
    (re.compile(r"\bcreate_director(?:y|ies)\s*\("), "create_directories"),
    (re.compile(r"(?<![\w.>])(?:::)?mk(?:dir|dirat|fifo|nod)\s*\("), "mkdir"),
    (re.compile(r"\bfilesystem::(?:copy|copy_file|create_\w+link)\s*\(|\bfs::(?:copy|copy_file|create_\w+link)\s*\("), "copy_file"),
    (re.compile(r"\bcairo_\w+_surface_create(?!_for_)\w*\s*\(\s*\w*path|\bcairo_surface_write_to_png\s*\("), "a file of cairo's"),
)


def code_of(line):
    """The line without its comment and the inside of longer strings."""
    line = re.sub(r'"(?!/dev/null")(?:\\.|[^"\\]){4,}"', '""', line)
    return line.split("//")[0]


def check(files):
    found = []
    for path in files.ending(".cpp", ".hpp", ".h", ".c"):
        if path.startswith(ALLOWED) or ".test." in path:
            continue
        for number, line in enumerate(files.lines(path), 1):
            code = code_of(line)
            for pattern, what in PATTERNS:
                if pattern.search(code):
                    found.append(finding(path, number, f"{what}: files are created by graph/trust/files.hpp "
                                                       "alone (create_output for a component's, "
                                                       "create_file or write_file for the operator's)"))
    return found


BAD = [
    ("std::ofstream", {"actors/record/a.cpp": "  std::ofstream out(path);\n"}),
    ("std::ofstream", {"tools/hocket/a.cpp": "std::fstream f;\n"}),
    ("fopen", {"engine/x/a.cpp": 'auto* f = std::fopen(path.c_str(), "w");\n'}),
    ("fopen", {"plugins/x/a.cpp": "int fd = mkstemp(name);\n"}),
    ("O_CREAT", {"graph/core/a.cpp": "::open(p, O_WRONLY | O_CREAT, 0644);\n"}),
    ("create_directories", {"tools/a/b.cpp": "fs::create_directories(x, failed);\n"}),
    ("mkdir", {"actors/a/b.cpp": "  ::mkdir(p, 0777);\n"}),
    ("copy_file", {"actors/a/b.cpp": "  std::filesystem::copy_file(a, b);\n"}),
    ("cairo", {"tools/a/b.cpp": "cairo_svg_surface_create(path.c_str(), 1, 2);\n"}),
]
GOOD = [{"graph/trust/files.cpp": "::openat(at, name, O_CREAT, 0600);\n",
         "actors/a/b.cpp": 'fail("O_CREAT"); // std::ofstream would do\nstd::ifstream in(p);\nto.create(name);\nstd::fopen("/proc/self/statm", "r");\n',
         "actors/a/b.test.cpp": "std::ofstream(p) << 1;\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
