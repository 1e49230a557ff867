// A rewire's outcome for people and for programs.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::rewire {

namespace {
std::string changes_text(const rewire_outcome& o) {
  rewire_plan r;
  r.actor_changes = o.actors;
  r.link_changes = o.links;
  r.other_changes = o.others;
  r.actors_kept = o.actors_kept;
  r.links_kept = o.links_kept;
  return hocket::to_text(r);
}

std::string packets_text(const rewire_outcome& o) {
  std::uint64_t dropped = 0;
  std::string out;
  for (const auto& p : o.packets) {
    dropped += p.dropped;
    if (p.handed_over > 0)
      out += fmt::format("  {}: {} queued packets handed over in order\n", p.link, p.handed_over);
    if (p.dropped > 0)
      out += fmt::format("  {}: {} packets dropped (rewired)\n", p.link, p.dropped);
  }
  return out + (dropped == 0 ? "  no packet was lost\n" : "");
}

std::string text_of(const rewire_outcome& o) {
  const auto where = o.host.empty() ? std::string() : "host " + o.host + ": ";
  switch (o.state) {
    case rewire_state::refused:
      return fmt::format("refused, nothing was touched: {}{}\n", where, o.why);
    case rewire_state::unchanged:
      return fmt::format("{}: revision {} is this graph already\n", o.graph, o.revision);
    case rewire_state::planned:
      return fmt::format("{}: would change\n{}", o.graph, changes_text(o));
    case rewire_state::rolled_back:
      return fmt::format("rolled back, revision {} runs on as if nothing had been: {}{}\n",
                         o.revision, where, o.why);
    case rewire_state::committed: break;
  }
  auto out = fmt::format(
      "{}: revision {} since stream time {:.3f} s ({} -> {}), prepared in {:.0f} ms, settled after "
      "{:.0f} ms\n",
      o.graph, o.revision, o.at.seconds(), o.hash_before, o.hash_after, o.prepared_ms,
      o.settled_ms);
  out += changes_text(o) + packets_text(o);
  for (const auto& n : o.notes) out += "  note: " + n + "\n";
  return out;
}

std::string json_of(const rewire_outcome& o) {
  using json = nlohmann::ordered_json;
  json j = {{"state", to_string(o.state)},
            {"graph", o.graph},
            {"revision", o.revision},
            {"hash_before", o.hash_before},
            {"hash_after", o.hash_after},
            {"at_s", o.at.seconds()},
            {"prepared_ms", o.prepared_ms},
            {"settled_ms", o.settled_ms},
            {"host", o.host},
            {"code", o.code},
            {"why", o.why}};
  j["actors"] = json::array();
  for (const auto& a : o.actors)
    j["actors"].push_back({{"name", a.name},
                           {"component", a.component},
                           {"host", a.host},
                           {"fate", to_string(a.fate)},
                           {"why", a.why}});
  j["links"] = json::array();
  for (const auto& l : o.links)
    j["links"].push_back({{"name", l.name}, {"fate", to_string(l.fate)}, {"queue", l.why}});
  j["others"] = o.others;
  j["actors_kept"] = o.actors_kept;
  j["links_kept"] = o.links_kept;
  j["packets"] = json::array();
  for (const auto& p : o.packets)
    j["packets"].push_back(
        {{"link", p.link}, {"handed_over", p.handed_over}, {"dropped", p.dropped}});
  j["notes"] = o.notes;
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

// What changed in a config is told with both values.
std::string to_text(const rewire_outcome& o) { return trust::without_secrets(text_of(o)); }
std::string to_json(const rewire_outcome& o) { return trust::without_secrets(json_of(o)); }

std::string to_json(const rewire_request& r) {
  const nlohmann::ordered_json j = {{"file", r.graph.file},
                                    {"text", r.graph.text},
                                    {"includes", r.graph.includes},
                                    {"at_s", std::max(r.not_before.seconds(), 0.)},
                                    {"dry_run", r.dry_run},
                                    {"limit_s", r.prepare_limit_s},
                                    {"hash", r.hash},
                                    {"plugins", r.graph.plugins},
                                    {"revision", r.revision}};
  return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<rewire_request> read_request(const std::string& text) {
  const auto j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("file") || !j["file"].is_string() || !j.contains("text") ||
      !j["text"].is_string())
    return {};
  rewire_request r;
  r.graph.file = j["file"].get<std::string>();
  r.graph.text = j["text"].get<std::string>();
  if (const auto i = j.find("includes"); i != j.end() && i->is_object())
    for (const auto& [path, content] : i->items())
      if (content.is_string()) r.graph.includes[path] = content.get<std::string>();
  if (const auto at = j.find("at_s");
      at != j.end() && at->is_number() && at->get<double>() >= 0 && at->get<double>() < 1e8)
    r.not_before = timestamp(static_cast<std::int64_t>(at->get<double>() * 1e9));
  if (const auto dry = j.find("dry_run"); dry != j.end() && dry->is_boolean())
    r.dry_run = dry->get<bool>();
  if (const auto s = j.find("limit_s"); s != j.end() && s->is_number_integer() &&
                                        s->get<std::int64_t>() > 0 &&
                                        s->get<std::int64_t>() < 86400)
    r.prepare_limit_s = s->get<int>();
  if (const auto h = j.find("hash"); h != j.end() && h->is_string()) r.hash = h->get<std::string>();
  if (const auto n = j.find("revision"); n != j.end() && n->is_number_integer())
    r.revision = n->get<int>();
  if (const auto p = j.find("plugins"); p != j.end() && p->is_array())
    for (const auto& one : *p)
      if (one.is_string()) r.graph.plugins.push_back(one.get<std::string>());
  return r;
}

namespace {
rewire_outcome outcome_of(const nlohmann::json& j) {
  using json = nlohmann::json;
  rewire_outcome o;
  const auto text = [](const json& at, const char* key) {
    const auto it = at.find(key);
    return it != at.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto number = [](const json& at, const char* key) {
    const auto it = at.find(key);
    return it != at.end() && it->is_number() ? it->get<double>() : 0.;
  };
  using state = rewire_state;
  for (const auto s :
       {state::refused, state::unchanged, state::planned, state::rolled_back, state::committed})
    if (text(j, "state") == to_string(s)) o.state = s;
  o.graph = text(j, "graph");
  o.revision = static_cast<int>(number(j, "revision"));
  o.hash_before = text(j, "hash_before");
  o.hash_after = text(j, "hash_after");
  o.at = timestamp(static_cast<std::int64_t>(number(j, "at_s") * 1e9));
  o.prepared_ms = number(j, "prepared_ms");
  o.settled_ms = number(j, "settled_ms");
  o.host = text(j, "host");
  o.code = text(j, "code");
  o.why = text(j, "why");
  for (const auto& a : j.value("actors", json::array())) {
    actor_change c{text(a, "name"), text(a, "component"), text(a, "host"), {}, {}};
    using fate = actor_fate;
    for (const auto f : {fate::untouched, fate::rewired, fate::adjusted, fate::replaced,
                         fate::added, fate::removed})
      if (text(a, "fate") == to_string(f)) c.fate = f;
    c.why = a.value("why", std::vector<std::string>());
    o.actors.push_back(std::move(c));
  }
  for (const auto& l : j.value("links", json::array())) {
    link_change c{text(l, "name"), {}, text(l, "queue")};
    using fate = link_fate;
    for (const auto f : {fate::untouched, fate::requeued, fate::added, fate::removed})
      if (text(l, "fate") == to_string(f)) c.fate = f;
    o.links.push_back(std::move(c));
  }
  o.others = j.value("others", std::vector<std::string>());
  o.actors_kept = static_cast<std::size_t>(number(j, "actors_kept"));
  o.links_kept = static_cast<std::size_t>(number(j, "links_kept"));
  for (const auto& p : j.value("packets", json::array()))
    o.packets.push_back({text(p, "link"), static_cast<std::uint64_t>(number(p, "handed_over")),
                         static_cast<std::uint64_t>(number(p, "dropped"))});
  o.notes = j.value("notes", std::vector<std::string>());
  return o;
}
}  // namespace

std::optional<rewire_outcome> read_outcome(const std::string& line) {
  try {
    const auto j = nlohmann::json::parse(line);
    if (j.is_object()) return outcome_of(j);
  } catch (const nlohmann::json::exception&) {  // no JSON, or a value of another type
  }
  return {};
}

}  // namespace hocket::rewire
