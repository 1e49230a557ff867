"""Which folder may include which: graph <- engine <- actors, graph <- plugins; inside actors rooms; none
includes tools or tests."""

import re
import sys

from common import finding, run

LAYERS = ("graph", "engine", "actors", "plugins", "tools", "tests")
# Layer -> prefixes it may include. `{own}` is the file's own folder of two levels.
ALLOWED = {
    "graph": ("graph/",),
    "engine": ("engine/", "graph/core/", "graph/trust/"),
    "actors": ("actors/", "engine/", "graph/"),
    "plugins": ("{own}/", "engine/", "graph/core/", "graph/text/", "graph/trust/",
                "graph/schema/", "graph/contract/"),
    "tools": ("tools/", "actors/", "engine/", "graph/", "plugins/"),
    "tests": tuple(layer + "/" for layer in LAYERS),
}
# Inside graph/: core <- trust, text <- contract <- schema, payloads <- spec.
GRAPH_ALLOWED = {
    "graph/core": ("graph/core/",),
    "graph/text": ("graph/core/", "graph/text/"),
    "graph/trust": ("graph/core/", "graph/trust/"),
    "graph/contract": ("graph/core/", "graph/text/", "graph/trust/", "graph/contract/"),
    "graph/payloads": ("graph/core/", "graph/text/", "graph/trust/", "graph/contract/",
                       "graph/payloads/"),
    "graph/schema": ("graph/core/", "graph/text/", "graph/trust/", "graph/contract/",
                     "graph/schema/"),
}
# Inside tools/: report <- plan, scenarios <- duplex; duplex <- safety; all <- hocket. A family of commands is a folder of hocket/; it
# knows what all families share and itself, and of the others only what stands here.
TOOLS_ALLOWED = {
    # The event log turns as recordings do.
    "tools/report": ("tools/report/", "graph/core/", "graph/trust/", "actors/record/rotation.hpp"),
    "tools/plan": ("tools/report/", "tools/plan/", "graph/"),
    "tools/scenarios": ("tools/scenarios/", "engine/", "graph/core/", "graph/trust/", "graph/text/", "plugins/"),
    "tools/duplex": ("tools/report/", "tools/scenarios/", "tools/duplex/", "actors/", "engine/",
                     "graph/", "plugins/"),
    "tools/safety": ("tools/report/", "tools/scenarios/", "tools/duplex/", "tools/safety/", "actors/", "graph/"),
    "tools/hocket": ("tools/report/", "tools/hocket/", "actors/", "graph/", "plugins/"),
}
FAMILIES_ALLOWED = {
    "tools/hocket/language": ("engine/",),
    "tools/hocket/serve": ("engine/",),
    "tools/hocket/eval": ("tools/scenarios/", "tools/duplex/", "tools/safety/", "tools/plan/", "engine/"),
    "tools/hocket/plan": ("tools/plan/",),
    "tools/hocket/train": ("tools/scenarios/", "tools/duplex/", "tools/safety/", "tools/hocket/eval/", "engine/"),
}
# Inside actors/: wire <- host <- process, distributed <- rewire <- start_run. A room may include the rooms of its
# list; what is no room (components, observe, record, ...) may include whatever actors may.
ROOMS = {
    "actors/wire": (),
    "actors/host": ("actors/wire/accounts.hpp",),
    "actors/process": ("actors/host/", "actors/wire/"),
    "actors/distributed": ("actors/host/", "actors/wire/"),
    "actors/rewire": ("actors/host/", "actors/distributed/"),
}
# In tests of a room: what starts a run.
ROOM_TESTS = ("actors/start_run.hpp", "actors/host/", "actors/distributed/", "tests/support/")
# A library's headers -> the places that may use it.
LIBRARIES = (
    (re.compile(r"caf/"), ("actors/", "tests/"), "CAF belongs in actors/ only"),
    (re.compile(r"(torch|ATen|c10)/"), ("engine/", "tests/"), "libtorch belongs in engine/ only"),
    (re.compile(r"zmq"), ("actors/", "tests/"), "ZeroMQ belongs in actors/ only"),
    (re.compile(r"openssl/(evp|kdf|rand)\.h"), ("actors/http/", "graph/trust/sealed/"),
     "ciphers belong in graph/trust/sealed and actors/http only"),
    (re.compile(r"(boost|curl)/|openssl/(?!(evp|kdf|rand)\.h)"), ("actors/http/",),
     "HTTP and TLS belong in actors/http only"),
)
HEAVY = {"torch/torch.h", "torch/extension.h", "torch/all.h", "caf/all.hpp", "caf/io/all.hpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def generated(files, target):
    """CMake writes the header: the CMakeLists.txt of its folder, or a part in tools/cmake, names it."""
    folder, name = target.rsplit("/", 1)
    lists = folder + "/CMakeLists.txt"
    if lists in files.paths and name in files.read(lists):
        return True
    return any(path.startswith("tools/cmake/") and f"generated/{target}" in files.read(path)
               for path in files.ending(".cmake"))


def tools_may(path, target, allowed):
    """The rule inside tools/: what a file may include."""
    own = "/".join(path.split("/")[:2])
    allowed = list(TOOLS_ALLOWED.get(own, allowed))
    family = path.rsplit("/", 1)[0]
    more = FAMILIES_ALLOWED.get(family, ())
    other = target.rsplit("/", 1)[0]
    if (target.startswith("tools/hocket/") and other not in ("tools/hocket", family)
            and other + "/" not in more):
        allowed = [a for a in allowed if a != "tools/hocket/"]
    return allowed + list(more)


def room_of(path):
    """The room that a file lies in: the longest one that its path begins with."""
    rooms = [r for r in ROOMS if path.startswith(r + "/")]
    return max(rooms, key=len, default=None)


def allowed_in_room(path, allowed):
    """What a file of a room may include of actors/."""
    room = room_of(path)
    if room is None:
        return allowed
    rooms = (room + "/",) + ROOMS[room] + (ROOM_TESTS if ".test." in path else ())
    return [a for a in allowed if a != "actors/"] + list(rooms)


def check(files):
    found = []
    known = set(files.paths)
    heavy_users = []
    for path in files.ending(".hpp", ".cpp", ".h"):
        parts = path.split("/")
        layer = parts[0]
        if path.startswith("tests/install/plugin/"):  # somebody else's project
            continue
        if layer not in ALLOWED:
            found.append(finding(path, 1, f"source outside {', '.join(LAYERS)}"))
            continue
        own = "/".join(parts[:2])
        for number, line in enumerate(files.lines(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, target = match.group(1) == '"', match.group(2)
            if target in HEAVY:
                if path.endswith((".hpp", ".h")):
                    found.append(finding(path, number, f"{target} in a header costs every user seconds"))
                else:
                    heavy_users.append(path)
            for pattern, places, why in LIBRARIES:
                if not quoted and pattern.match(target) and not path.startswith(places):
                    found.append(finding(path, number, f"{target}: {why}"))
            top = target.split("/")[0]
            if quoted and (top not in LAYERS or "/" not in target):
                found.append(finding(path, number,
                                     f'"{target}": include paths begin at the repository root'))
                continue
            if top not in LAYERS:
                continue
            if not quoted:
                found.append(finding(path, number, f"<{target}>: our own headers take quotes"))
            allowed = [a.replace("{own}", own) for a in ALLOWED[layer]]
            if ".test." in path:  # unit tests share helpers
                allowed.append("tests/support/")
                if layer == "tools":
                    allowed += tools_may(path, target, ())
                    allowed.remove("tools/")
            elif layer == "tools":
                allowed = tools_may(path, target, allowed)
            elif layer == "graph" and not path.endswith(".bench.cpp"):
                allowed = GRAPH_ALLOWED.get(own, allowed)
            allowed = allowed_in_room(path, allowed)
            if not target.startswith(tuple(allowed)):
                found.append(finding(path, number, f"{own} may not include {target} "
                                                   f"(may: {', '.join(allowed)})"))
            elif target not in known and not target.endswith(".pb.h") and not generated(files, target):
                found.append(finding(path, number, f"{target} does not exist"))
    if len(heavy_users) > 6:
        found.append(finding(heavy_users[-1], 1, f"{len(heavy_users)} files include a whole library "
                                                 "header; six are plenty", warning=True))
    return found


BAD = [
    ("may not include actors/host/runtime.hpp",
     {"graph/core/a.cpp": '#include "actors/host/runtime.hpp"\n', "actors/host/runtime.hpp": ""}),
    ("may not include graph/spec/plan.hpp",
     {"plugins/x/a.cpp": '#include "graph/spec/plan.hpp"\n', "graph/spec/plan.hpp": ""}),
    ("may not include plugins/y/b.hpp",
     {"plugins/x/a.cpp": '#include "plugins/y/b.hpp"\n', "plugins/y/b.hpp": ""}),
    ("may not include graph/contract/packet.hpp",
     {"engine/m/a.cpp": '#include "graph/contract/packet.hpp"\n', "graph/contract/packet.hpp": ""}),
    ("may not include graph/spec/plan.hpp",
     {"graph/contract/a.hpp": '#include "graph/spec/plan.hpp"\n', "graph/spec/plan.hpp": ""}),
    ("may not include tests/support/t.hpp",
     {"actors/host/a.cpp": '#include "tests/support/t.hpp"\n', "tests/support/t.hpp": ""}),
    ("may not include tools/hocket/types.hpp",
     {"tools/duplex/a.test.cpp": '#include "tools/hocket/types.hpp"\n', "tools/hocket/types.hpp": ""}),
    ("may not include tools/hocket/types.hpp",
     {"tools/report/a.cpp": '#include "tools/hocket/types.hpp"\n', "tools/hocket/types.hpp": ""}),
    ("may not include tools/hocket/watch/top.hpp",
     {"tools/hocket/run/a.cpp": '#include "tools/hocket/watch/top.hpp"\n',
      "tools/hocket/watch/top.hpp": ""}),
    ("may not include tools/hocket/run/a.hpp",
     {"tools/hocket/types.cpp": '#include "tools/hocket/run/a.hpp"\n', "tools/hocket/run/a.hpp": ""}),
    ("may not include engine/m/m.hpp",
     {"tools/hocket/run/a.cpp": '#include "engine/m/m.hpp"\n', "engine/m/m.hpp": ""}),
    ("may not include actors/distributed/b.hpp",
     {"actors/host/a.cpp": '#include "actors/distributed/b.hpp"\n', "actors/distributed/b.hpp": ""}),
    ("may not include actors/rewire/b.hpp",
     {"actors/distributed/a.cpp": '#include "actors/rewire/b.hpp"\n', "actors/rewire/b.hpp": ""}),
    ("may not include actors/wire/node.hpp",
     {"actors/host/a.hpp": '#include "actors/wire/node.hpp"\n', "actors/wire/node.hpp": ""}),
    ("may not include actors/start_run.hpp",
     {"actors/rewire/a.cpp": '#include "actors/start_run.hpp"\n', "actors/start_run.hpp": ""}),
    ("in a header", {"engine/m/a.hpp": "#include <torch/torch.h>\n"}),
    ("in a header", {"actors/host/a.hpp": "#include <caf/all.hpp>\n"}),
    ("CAF belongs", {"graph/core/a.cpp": "#include <caf/actor.hpp>\n"}),
    ("actors/http only", {"actors/gateway/a.cpp": "#include <boost/beast.hpp>\n"}),
    ("libtorch belongs", {"plugins/x/a.cpp": "#include <ATen/core/Tensor.h>\n"}),
    ("begin at the repository root", {"graph/core/a.cpp": '#include "b.hpp"\n'}),
    ("does not exist", {"graph/core/a.cpp": '#include "graph/core/gone.hpp"\n'}),
    ("source outside", {"lib/a.cpp": "\n"}),
]
GOOD = [
    {"actors/rewire/a.cpp": '#include "actors/distributed/b.hpp"\n', "actors/distributed/b.hpp":
     '#include "actors/wire/node.hpp"\n', "actors/wire/node.hpp": "",
     "actors/rewire/a.test.cpp": '#include "actors/start_run.hpp"\n', "actors/start_run.hpp":
     '#include "actors/rewire/c.hpp"\n', "actors/rewire/c.hpp": ""},
    {"actors/host/a.cpp": '#include "graph/spec/p.hpp"\n#include "engine/m/m.hpp"\n#include <caf/actor.hpp>\n',
     "graph/spec/p.hpp": "", "engine/m/m.hpp": '#include "graph/core/result.hpp"\n', "graph/core/result.hpp": ""},
    {"tools/hocket/train/a.cpp": '#include "tools/hocket/eval/h.hpp"\n#include "tools/hocket/types.hpp"\n'
                                 '#include "tools/duplex/d.hpp"\n#include "tools/hocket/train/b.hpp"\n',
     "tools/hocket/eval/h.hpp": "", "tools/hocket/types.hpp": "", "tools/duplex/d.hpp": "",
     "tools/hocket/train/b.hpp": ""},
]

if __name__ == "__main__":
    sys.exit(run(check, BAD, GOOD))
