#include "actors/wire/handshake.hpp"

#include <map>
#include <string_view>

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
std::string shown(const std::string& text, std::size_t most = 64) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c >= ' ' && c < 127 ? c : '?';
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
  h.next_graph_hash = us.next_graph_hash;
  h.asks = us.asks;
  // The listening side compares; its own would only be thrown away.
  if (data_lane.empty() && us.keys) h.keys = *us.keys;
  h.data_lane = std::move(data_lane);
  return h;
}

std::string first_difference(const std::vector<graph_key>& ours,
                             const std::vector<graph_key>& theirs, const std::string& us,
                             const std::string& them) {
  if (ours.empty() || theirs.empty()) return "";
  std::map<std::string_view, std::uint32_t> there, here;
  for (const auto& k : theirs) there.emplace(k.name, k.digest);
  for (const auto& k : ours) here.emplace(k.name, k.digest);
  std::size_t count = 0;
  std::string first;
  const auto differs = [&](const std::string& how) {
    if (++count == 1) first = how;
  };
  for (const auto& k : ours) {
    const auto found = there.find(k.name);
    if (found == there.end())
      differs(fmt::format("`{}`, which {} has and {} has not", k.name, us, them));
    else if (found->second != k.digest)
      differs(fmt::format("`{}`", k.name));
  }
  for (const auto& k : theirs)
    if (!here.contains(k.name))
      differs(fmt::format("`{}`, which {} has and {} has not", shown(k.name, 128), them, us));
  if (count == 0)
    return "every key reads the same, so what a variable of the environment holds, or what "
           "`!include` "
           "or --set put in its place, differs";
  return fmt::format("the first of {} {} that {}: {}", count, count == 1 ? "place" : "places",
                     count == 1 ? "differs" : "differ", first);
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
  if (theirs.graph_hash != us.graph_hash) {
    auto remedy = us.graph_note.empty()
                      ? std::string("give both the same graph file, parameters and --set")
                      : us.graph_note;
    if (us.keys)
      if (const auto where = first_difference(*us.keys, theirs.keys, us.host, them); !where.empty())
        remedy = where + "; " + remedy;
    auto no = differ(wire_error::wrong_graph, "graph hash", us.host, us.graph_hash,
                     shown(theirs.graph_hash), them, remedy);
    no.graph_hash = us.newest_graph();
    return no;
  }
  if (theirs.schema_hash != us.schema_hash)
    return differ(wire_error::wrong_schema, "schema hash", us.host, us.schema_hash,
                  shown(theirs.schema_hash), them, "run the same release of hocket on both");
  return {};
}

bool goes_on(const identity& us, std::uint64_t known, const hello& theirs) {
  return known != 0 && known == theirs.incarnation && theirs.knows == us.incarnation;
}

}  // namespace hocket::wire
