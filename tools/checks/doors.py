"""What reaches out of the process stands in few files: who makes files, starts programs, loads code,
listens and connects. Whatever else does it goes around the capability that a component is given."""

import fnmatch
import re
import sys

from common import finding, run

# what -> (how it reads in C++, the files that may, what to use instead)
DOORS = {
    "makes a file or a folder": (
        r"std::ofstream|std::fstream|\bf(?:re)?open\([^;]*\"[wa]|\bO_CREAT\b|\bO_TMPFILE\b|\bmk[od]?s?temp\(|\bcopy_file\(|"
        r"\bcreate_director|::mkdir(?:at)?\(|::mkfifo(?:at)?\(|\btmpfile\(|\bshm_open\(|\bcreat\(|\bcreate_symlink\(",
        ["graph/trust/files.cpp", "graph/trust/open_beneath.cpp", "graph/trust/sandbox/control_group.cpp",
         "graph/trust/sandbox/filter.cpp", "tools/hocket/eval/cmd_bench.cpp"],
        "graph/trust/files.hpp (context.may->create in a component)"),
    "starts a program": (
        r"\bexec(?:v|ve|vp|vpe|l|le|lp|veat)\(|\bposix_spawnp?\(|\bpopen\(|(?:^|[=;(!&|{]|return)\s*(?:std|)(?:::|)system\(",
        ["graph/trust/sandbox/start.cpp", "actors/mcp/child_process.cpp", "tools/hocket/process.cpp",
         "tools/hocket/eval/served_program.cpp"],
        "graph/trust/sandbox"),
    "loads code": (
        r"\bdl(?:m?)open\(|\bg_module_open\(|\bgst_plugin_load|\bgst_registry_scan",
        ["graph/contract/plugin.cpp", "tools/hocket/doctor.cpp", "tools/scenarios/person_voice.cpp"],
        "graph/contract/plugin.hpp, after the graph was found valid"),
    "opens a socket": (
        r"(?<![\w.>])(?:::)?socket\((?:AF|PF)_|\btcp::acceptor\b|\bzmq::socket_t\b|\bzmq_socket\(|\bcurl_easy_init\(|\btcp::resolver\b|"
        r"\bgetaddrinfo\(",
        ["actors/http/*", "actors/wire/*", "actors/host/status_socket.cpp", "actors/host/socket_file.cpp",
         "actors/gateway/edit/ask_run.cpp", "actors/observe/service_manager.cpp", "graph/trust/sandbox/*",
         "tools/hocket/status_source.cpp"],
        "actors/http, actors/wire (context.may->address before it)"),
    # A path that a graph names in a field of kind path is judged before its component opens (graph/spec/permit.cpp); any other
    # goes through readable(). Engine and tools read what they are given. Here is who reads, so that a new one is looked at.
    "reads a file": (
        r"std::ifstream\b(?!.*\"/proc/)|\bf(?:re)?open\([^;]*\"r|\bO_RDONLY\b(?!.*/dev/null)(?<!/dev/null\", O_RDONLY)|directory_iterator|"
        r"\b(?:mapped|gguf)_file::open\(|\bsafetensors_set::open\(|\bread_(?:given_)?file\(",
        ["graph/*", "engine/*", "tools/*",
         "actors/capture/decoder_child.cpp", "actors/process/processes.cpp",  # GStreamer's registry, in the user's cache
         "actors/gateway/door/admission.cpp", "actors/gateway/edit/looks.cpp",
         "actors/gateway/tinker/leftovers.cpp", "actors/gateway/tinker/engine/served_model.cpp", "actors/gateway/tinker/store.cpp",
         "actors/http/beast_server.hpp", "actors/openapi/source.cpp", "actors/process/child_main.cpp", "actors/process/python.cpp",
         "actors/record/mcap_file.cpp", "actors/record/rotation.cpp", "actors/trainer/adapters/model_sum.cpp",
         "actors/wire/keys.cpp", "actors/wire/shm_arena.cpp", "plugins/asr_pocketsphinx/recognizer.cpp",
         "plugins/dialogue_rules/dialogue_rules.cpp"],
        "a config field of kind path, or context.may->readable() first; then name the file in tools/checks/doors.py"),
    "makes a file that everybody reads": (
        r"readers::everyone",
        ["graph/trust/*", "actors/wire/keys.cpp", "tools/hocket/checksums.cpp", "tools/hocket/export/cmd_export.cpp",
         "tools/hocket/graphs/cmd_docs.cpp", "tools/hocket/graphs/cmd_new.cpp", "tools/hocket/graphs/gateway_keys.cpp",
         "tools/hocket/types.cpp"],
        "readers::owner: only source code, units and public keys are for all"),
}
SKIPPED = ("*.test.cpp", "*.test.hpp", "*.bench.cpp", "tests/*")


def source_of(text):
    """Without comments, so that words about a call are none; line numbers stay."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return [re.sub(r"//.*", "", line) for line in text.split("\n")]


def check(files):
    out = []
    for path in files.ending(".cpp", ".hpp"):
        if any(fnmatch.fnmatch(path, s) for s in SKIPPED):
            continue
        lines = source_of(files.read(path))
        for what, (pattern, may, instead) in DOORS.items():
            if any(fnmatch.fnmatch(path, m) for m in may):
                continue
            out += [finding(path, n, f"{what} by itself; use {instead}") for n, line in enumerate(lines, 1) if re.search(pattern, line)]
    return out


BAD = [("makes a file", {"actors/x/a.cpp": "std::ofstream out(path);\n"}),
       ("makes a file", {"actors/x/b.cpp": "FILE* f = fopen(name, \"wb\");\n"}),
       ("makes a file", {"plugins/x/c.cpp": "open(p, O_WRONLY | O_CREAT, 0600);\n"}),
       ("starts a program", {"plugins/x/d.cpp": "execv(program, words);\n"}),
       ("starts a program", {"engine/x/e.cpp": "int n = system(\"ls\");\n"}),
       ("loads code", {"actors/x/f.cpp": "dlopen(name, 1);\n"}),
       ("opens a socket", {"engine/x/g.cpp": "const int s = ::socket(AF_INET, SOCK_STREAM, 0);\n"}),
       ("reads a file", {"plugins/x/j.cpp": "std::ifstream in(config_.where);\n"}),
       ("reads a file", {"actors/x/k.cpp": "const int fd = open(p, O_RDONLY | O_CLOEXEC);\n"}),
       ("everybody reads", {"actors/x/i.cpp": "write_file(path, text, trust::readers::everyone);\n"}),
       ("opens a socket", {"actors/x/h.hpp": "tcp::acceptor acceptor_;\n"})]
GOOD = [{"actors/x/a.cpp": "// std::ofstream is not used\nstd::ifstream in(\"/proc/self/statm\");\n",
         "graph/trust/files.cpp": "open(p, O_CREAT);\n", "actors/x/a.test.cpp": "std::ofstream out(path);\n",
         "actors/http/a.cpp": "tcp::acceptor acceptor_;\n"}]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
