// What a graph may say of a source `mcp`.
#include "actors/mcp/source.hpp"

namespace hocket::mcp {

void source::config::visit(config_visitor& v) {
  v.field({.name = "command",
           .doc = "program and arguments of a server that is started here; no shell reads it"},
          command);
  v.field({.name = "environment",
           .doc = "variables that it gets beside HOME LOGNAME PATH SHELL TERM USER: names, or "
                  "NAME=VALUE for what is no secret; HOME is /nonexistent where it is confined and "
                  "this does not name it"},
          environment);
  v.field({.name = "folder",
           .doc = "where it works; empty: where the run was started",
           .is_path = true},
          folder);
  v.field({.name = "confine",
           .doc = "it runs in a sandbox, which reaches what the keys below name; false: it may all "
                  "that this user may"},
          confine);
  v.field({.name = "reads",
           .doc = "files and folders that it reads, beside `folder` and the system's programs",
           .is_path = true},
          reads);
  v.field({.name = "writes", .doc = "folders in which it reads and writes", .is_path = true},
          writes);
  v.field({.name = "runs",
           .doc = "folders of programs that it runs beside the system's, such as a virtual "
                  "environment",
           .is_path = true},
          runs);
  v.field({.name = "network",
           .doc = "addresses that it reaches, over a proxy that its environment names: HOST:PORT, "
                  "*.DOMAIN:PORT; `*`: the whole network; empty: none"},
          network);
  v.field({.name = "memory_mb",
           .doc = "of each of its processes; of all together where control groups are given",
           .unit = "MiB",
           .min = 16,
           .max = 1 << 20},
          memory_mb);
  v.field({.name = "processes", .doc = "and threads at once", .min = 1, .max = 32768}, processes);
  v.field({.name = "descriptors", .doc = "open at once, of each process", .min = 16, .max = 65536},
          descriptors);
  v.field({.name = "url",
           .doc = "of a server that is there already (Streamable HTTP)",
           .is_address = true},
          url);
  v.field(
      {.name = "key_env", .doc = "variable that holds the key for `url`, sent as a bearer token"},
      key_env);
  v.field({.name = "ca_file",
           .doc = "PEM file to trust for `url` instead of the system's list",
           .is_path = true},
          ca_file);
  v.field({.name = "era",
           .doc = "how it is spoken with: found out, or the one that is named",
           .choices = {"auto", "handshake", "stateless"}},
          era);
  v.field({.name = "forms",
           .doc = "what a server gets that asks a person to fill in a form",
           .choices = {"decline", "defaults"}},
          forms);
  v.field({.name = "probe_ms",
           .doc = "a server that is silent that long is taken for an old one",
           .unit = "ms",
           .min = 100,
           .max = 60000},
          probe_ms);
  v.field({.name = "reply_ms",
           .doc = "for its first answer and for each page of its list of tools",
           .unit = "ms",
           .min = 100,
           .max = 600000},
          reply_ms);
  v.field({.name = "time_limit_ms", .doc = "of each call", .unit = "ms", .min = 1, .max = 3600000},
          time_limit_ms);
  v.field({.name = "max_result_bytes",
           .doc = "of each result; more is cut, and says so",
           .unit = "bytes",
           .min = 1,
           .max = 16777216},
          max_result_bytes);
}

}  // namespace hocket::mcp
