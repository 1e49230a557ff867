#include "actors/record/event_record.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/record/forgotten.hpp"
#include "graph/contract/capability.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::record {
namespace {

using json = nlohmann::ordered_json;

const std::array<input_port, 10>& ports() {
  const auto of = [](const char* name, payload_kind kind, const char* doc) {
    return input_port{name, {.kind = kind}, doc, false, default_queue(kind)};
  };
  static const std::array<input_port, 10> all = {
      of("words", payload_kind::text, "what the model says"),
      of("heard", payload_kind::text, "what the model heard"),
      of("console", payload_kind::text, "what was typed"),
      of("results", payload_kind::text, "what the background answers"),
      of("progress", payload_kind::text, "how far the background is"),
      of("delegations", payload_kind::delegation, "what the model hands to the background"),
      of("tool_calls", payload_kind::tool_call, "what the background asks of tools"),
      of("tool_results", payload_kind::tool_result, "what tools answered"),
      of("played", payload_kind::control, "what was really heard"),
      of("state", payload_kind::tensor, "the model's state, one vector per micro-turn")};
  return all;
}

double rounded(double v) { return std::round(v * 1000) / 1000; }

// Writes one payload's fields into a line.
struct line_writer {
  json& line;
  bool with_text, with_voices;

  void words(const char* key, const std::string& value) const {
    if (with_text) {
      line[key] = value;
    } else {
      line[std::string(key) + "_chars"] = value.size();
    }
  }
  void operator()(const text& t) const {
    line["role"] = t.role;
    words("text", t.value);
    if (t.request) line["request"] = t.request;
    if (!t.final) line["final"] = false;
  }
  void operator()(const delegation& d) const {
    line["action"] = d.what == delegation::action::start ? "start" : "cancel";
    line["request"] = d.request;
    words("task", d.task);
    words("transcript", d.transcript);
    line["from_micro_turn"] = d.from_micro_turn;
    line["to_micro_turn"] = d.to_micro_turn;
    if (d.supersedes) line["supersedes"] = d.supersedes;
  }
  void operator()(const tool_call& c) const {
    line["call"] = c.call;
    line["request"] = c.request;
    line["tool"] = c.tool;
    words("arguments", c.arguments_json);
  }
  void operator()(const tool_result& r) const {
    line["call"] = r.call;
    line["request"] = r.request;
    line["tool"] = r.tool;
    line["status"] = to_string(r.status);
    words("content", r.content);
  }
  void operator()(const control& c) const {
    line["what"] = to_string(c.what);
    line["value"] = c.value;
    if (!c.detail.empty()) line["detail"] = trust::redacted(c.detail);
  }
  void operator()(const tensor& t) const {
    if (t.type != dtype::f32 || !with_voices) return;  // dMel frames are sound
    auto values = json::array();
    for (const float v : t.data.as<float>()) values.push_back(rounded(v));
    line["values"] = std::move(values);
  }
  void operator()(const audio_chunk&) const {}
  void operator()(const video_frame&) const {}
  void operator()(const training_example&) const {}
  void operator()(const adapter&) const {}
};

}  // namespace

component_info event_record::info() {
  std::vector<input_port> inputs(ports().begin(), ports().end());
  inputs.push_back(forgets_input());
  return {.type = "record.events",
          .summary = "Writes words, delegations, results and states as one JSON object per line.",
          .inputs = std::move(inputs),
          .outputs = {forgotten_output()},
          .blocking = true};
}

result<void> event_record::open(const context& where) {
  context_ = where;
  const auto how = where.restarts > 0 ? trust::create_as::appended : trust::create_as::replaced;
  auto to = create_output(where, config_.file, how);
  if (!to) return fail("record.cannot_write", to.error().message);
  file_ = std::move(*to);
  auto seal = trust::line_seal::begin();
  if (!seal) return fail("record.cannot_write", seal.error().message);
  seal_ = std::move(*seal);
  size_bytes_ = std::max<std::int64_t>(::lseek(file_.fd(), 0, SEEK_END), 0);
  turns_ = rotation(file_.path(), config_.rotate, where.restarts > 0);
  with_words_ = config_.text && capability_of(where)->keeps(trust::data_class::word);
  with_voices_ = capability_of(where)->keeps(trust::data_class::voice);
  return {};
}

void event_record::forget(timestamp at, emitter& out) {
  if (std::exchange(is_forgotten_, true)) return;
  const auto path = file_.path();
  file_ = {};
  tell_forgotten(context_, remove_recorded(path, turns_.has_pieces()), 0, at, out);
}

result<void> event_record::process(std::size_t port, const packet& p, emitter& out) {
  if (port == ports().size()) return forget(p.header.ts, out), result<void>();
  if (!p.body || port > ports().size() || is_forgotten_) return {};
  json line;
  line["t_ms"] = rounded(p.header.ts.ms());
  line["session"] = static_cast<std::uint64_t>(p.header.session);
  line["micro_turn"] = p.header.micro_turn;
  if (p.header.epoch) line["epoch"] = p.header.epoch;
  line["kind"] = ports()[port].name;
  std::visit(line_writer{line, with_words_, with_voices_}, *p.body);
  if (context_.time && !context_.time->is_virtual() && p.header.origin_ns > 0)
    line["latency_ms"] = rounded(static_cast<double>(monotonic_ns() - p.header.origin_ns) / 1e6);
  turn_if_due(p.header.ts);
  // A text that is no UTF-8 is written with its broken bytes replaced, never refused.
  const auto whole = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const auto gap =
      missing_ > 0
          ? json({{"t_ms", line["t_ms"]}, {"kind", "gap"}, {"lines", missing_}}).dump() + "\n"
          : std::string();
  if (append(gap + whole)) {
    missing_ = 0;
    context_.count("lines", 1);
  } else {
    ++missing_;
    context_.count("lost_lines", 1);
  }
  return {};
}

void event_record::turn_if_due(timestamp at) {
  if (!turns_.due(static_cast<std::uint64_t>(size_bytes_), at.ns())) return;
  auto next = trust::create_file(turns_.next_path());
  auto seal = trust::line_seal::begin();  // each piece can be read alone
  if (!next || !seal) return turns_.postpone(at.ns());
  if (const auto done = turns_.turn(at.ns()); !done) return context_.log(done.error().message);
  end_seal();
  file_ = trust::file(next->release(), file_.path());
  seal_ = std::move(*seal);
  size_bytes_ = 0;
}

/// A sealed file says itself that nothing more comes; a full disk leaves it as a torn one.
void event_record::end_seal() {
  const auto end = seal_.end();
  if (file_.fd() >= 0 && end && !end->empty()) (void)file_.write(*end);
}

// A whole line or none: who reads the file finds JSON in every line, also after a full disk.
bool event_record::append(const std::string& line) {
  const auto bytes = seal_.sealed(line);
  const auto done = bytes ? file_.write(*bytes) : result<void>(fail(bytes));
  disk_.note(context_, file_.path(), done);
  if (done) {
    seal_.took();
    size_bytes_ += static_cast<std::int64_t>(bytes->size());
    return true;
  }
  if (::ftruncate(file_.fd(), size_bytes_) == 0) ::lseek(file_.fd(), size_bytes_, SEEK_SET);
  return false;
}

result<void> event_record::on_control(std::size_t port, const packet& p, emitter& out) {
  const auto* c = p.get_if<control>();
  if (c && c->what == control::kind::played) return process(port, p, out);
  return {};
}

result<void> event_record::close(emitter&) {
  if (file_.fd() >= 0)
    context_.log("wrote " + file_.path() +
                 (missing_ > 0
                      ? fmt::format(": INCOMPLETE, {} lines are missing at its end", missing_)
                      : ""));
  end_seal();
  file_ = {};
  return {};
}

}  // namespace hocket::record
