#include "actors/wire/handshake.hpp"

#include <fmt/format.h>

namespace hocket::wire {
namespace {

refusal differ(wire_error code, const std::string& what, const std::string& us,
               const std::string& ours, const std::string& theirs, const std::string& them,
               const std::string& remedy) {
  return {std::string(code_of(code)), fmt::format("{} differs: {} has {}, {} has {}; {}", what, us,
                                                  ours, them, theirs, remedy)};
}

/// A peer's text for our logs: short and printable.
std::string shown(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 64)) out += c >= ' ' && c < 127 ? c : '?';
  return out.empty() ? "none" : out;
}

}  // namespace

hello hello_of(const identity& us, std::uint64_t knows, std::string data_lane) {
  hello h;
  h.host = us.host;
  h.incarnation = us.incarnation;
  h.knows = knows;
  h.graph_hash = us.graph_hash;
  h.schema_hash = us.schema_hash;
  h.boot_id = us.boot_id;
  h.shared_memory = us.shared_memory;
  h.data_lane = std::move(data_lane);
  return h;
}

std::optional<refusal> refuse(const identity& us, const std::string& expected,
                              const hello& theirs) {
  const auto them = shown(theirs.host);
  if (theirs.protocol != protocol_version)
    return differ(wire_error::wrong_version, "protocol version", us.host,
                  std::to_string(protocol_version), std::to_string(theirs.protocol), them,
                  "run the same release of hocket on both");
  if (theirs.host != expected || theirs.host == us.host)
    return refusal{
        std::string(code_of(wire_error::wrong_name)),
        fmt::format("{} expected host `{}` here, but it calls itself `{}`; check `hosts:` "
                    "and --host",
                    us.host, expected, them)};
  if (theirs.graph_hash != us.graph_hash)
    return differ(wire_error::wrong_graph, "graph hash", us.host, us.graph_hash,
                  shown(theirs.graph_hash), them,
                  us.graph_note.empty() ? "give both the same graph file, parameters and --set"
                                        : us.graph_note);
  if (theirs.schema_hash != us.schema_hash)
    return differ(wire_error::wrong_schema, "schema hash", us.host, us.schema_hash,
                  shown(theirs.schema_hash), them, "run the same release of hocket on both");
  return {};
}

bool goes_on(const identity& us, std::uint64_t known, const hello& theirs) {
  return known != 0 && known == theirs.incarnation && theirs.knows == us.incarnation;
}

}  // namespace hocket::wire
