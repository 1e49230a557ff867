#include "actors/record/call_line.hpp"

#include <array>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/core/time_range.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::record {
namespace {

using host::call_kind;

constexpr std::array kinds = {call_kind::open,    call_kind::packet, call_kind::sets,
                              call_kind::produce, call_kind::tick,   call_kind::control,
                              call_kind::task,    call_kind::close};

std::uint64_t number(session_id s) { return static_cast<std::uint64_t>(s); }

// Written by hand: one for each call into a component of a running graph. Names of outputs are words
// of the graph file, which need no escapes.
void put_name(std::string& out, const packet_name& n) {
  fmt::format_to(std::back_inserter(out), R"("{}",{},{})", n.output, number(n.session), n.seq);
}

timestamp time_from(const nlohmann::json& j) {
  const auto ns = j.get<std::int64_t>();
  if (!is_time(ns)) throw std::out_of_range("no time of a run");
  return timestamp(ns);
}

packet_name name_from(const nlohmann::json& j, std::size_t first) {
  return {j.at(first).get<std::string>(), session_id{j.at(first + 1).get<std::uint64_t>()},
          j.at(first + 2).get<std::uint64_t>()};
}

void put_sets(std::string& out, std::span<const bundle> sets,
              const std::function<packet_name(const packet_header&)>& name_of) {
  out += R"(,"sets":[)";
  for (const auto& b : sets) {
    fmt::format_to(std::back_inserter(out), R"({}{{"s":{},"k":{},"e":{},"missing":[)",
                   &b == sets.data() ? "" : ",", number(b.session), b.micro_turn, b.epoch);
    for (std::size_t i = 0; i < b.missing.size(); ++i)
      out += b.missing[i] ? (i > 0 ? ",1" : "1") : (i > 0 ? ",0" : "0");
    out += R"(],"in":[)";
    bool first = true;
    for (std::size_t port = 0; port < b.inputs.size(); ++port)
      for (const auto& p : b.inputs[port]) {
        fmt::format_to(std::back_inserter(out), "{}[{},", first ? "" : ",", port);
        put_name(out, name_of(p.header));
        out += ']';
        first = false;
      }
    out += "]}";
  }
  out += ']';
}

recorded_call::set set_from(const nlohmann::json& j) {
  recorded_call::set s;
  s.session = session_id{j.at("s").get<std::uint64_t>()};
  s.micro_turn = j.at("k").get<std::int64_t>();
  s.epoch = j.at("e").get<epoch_number>();
  for (const auto& m : j.at("missing")) s.missing.push_back(m.get<int>() != 0);
  for (const auto& in : j.at("in")) {
    s.inputs.emplace_back(in.at(0).get<std::size_t>(), name_from(in, 1));
    if (s.inputs.back().first >= s.missing.size()) throw std::out_of_range("no such port");
  }
  return s;
}

call_kind kind_from(const std::string& name) {
  for (const auto k : kinds)
    if (host::to_string(k) == name) return k;
  throw std::out_of_range("no such kind of call");
}

control::kind control_from(const std::string& name) {
  for (int k = 0; k <= static_cast<int>(control::kind::stop); ++k)
    if (to_string(static_cast<control::kind>(k)) == name) return static_cast<control::kind>(k);
  throw std::out_of_range("no such control");
}

recorded_call read(const nlohmann::json& j) {
  recorded_call c;
  c.actor = j.at("actor").get<std::string>();
  c.session = session_id{j.at("session").get<std::uint64_t>()};
  c.life = j.at("life").get<std::uint64_t>();
  c.what = kind_from(j.at("what").get<std::string>());
  c.failed = j.value("failed", false);
  c.order_ns = j.at("order_ns").get<std::int64_t>();
  c.at = time_from(j.at("at_ns"));
  c.epoch = j.at("epoch").get<epoch_number>();
  c.micro_turn = j.value("k", std::int64_t{-1});
  if (j.contains("now_ns"))
    for (const auto& t : j["now_ns"]) c.clock_said.push_back(time_from(t));
  c.port = j.value("port", std::size_t{0});
  if (j.contains("given")) c.given = name_from(j["given"], 0);
  if (j.contains("control")) {
    const auto& m = j["control"];
    c.message.what = control_from(m.at(0).get<std::string>());
    c.message.value = m.at(1).get<std::int64_t>();
    c.message.detail = m.at(2).get<std::string>();
    c.message_ts = time_from(m.at(3));
    c.message_epoch = m.at(4).get<epoch_number>();
    c.given.session = session_id{m.at(5).get<std::uint64_t>()};
  }
  if (j.contains("sets"))
    for (const auto& s : j["sets"]) c.sets.push_back(set_from(s));
  return c;
}

}  // namespace

std::string to_json(const host::call_record& r, const std::string& actor,
                    const std::function<packet_name(const packet_header&)>& name_of) {
  std::string out = fmt::format(
      R"({{"actor":"{}","session":{},"life":{},"what":"{}","order_ns":{},"at_ns":{},"epoch":{})",
      actor, number(r.session), r.life, host::to_string(r.what), r.began_ns, r.at.ns(), r.epoch);
  if (r.failed) out += R"(,"failed":true)";
  if (r.micro_turn >= 0) fmt::format_to(std::back_inserter(out), R"(,"k":{})", r.micro_turn);
  if (!r.clock_said.empty()) {
    out += R"(,"now_ns":[)";
    for (const auto& t : r.clock_said)
      fmt::format_to(std::back_inserter(out), "{}{}", &t == r.clock_said.data() ? "" : ",", t.ns());
    out += ']';
  }
  if (!r.sets.empty()) put_sets(out, r.sets, name_of);
  if (r.message != nullptr) {
    fmt::format_to(std::back_inserter(out), R"(,"port":{})", r.message_port);
    const auto given = name_of(r.message->header);
    if (!given.output.empty()) {
      out += R"(,"given":[)";
      put_name(out, given);
      out += ']';
    } else if (const auto* c = r.message->get_if<control>()) {
      const nlohmann::json detail = trust::redacted(c->detail);
      fmt::format_to(
          std::back_inserter(out), R"(,"control":["{}",{},{},{},{},{}])", to_string(c->what),
          c->value, detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
          r.message->header.ts.ns(), r.message->header.epoch, number(r.message->header.session));
    }
  }
  out += '}';
  return out;
}

result<recorded_call> call_from_json(std::string_view line) {
  try {
    return read(nlohmann::json::parse(line.begin(), line.end()));
  } catch (const std::exception& e) {
    return fail("record.bad_call", std::string("a call that cannot be read: ") + e.what());
  }
}

}  // namespace hocket::record
