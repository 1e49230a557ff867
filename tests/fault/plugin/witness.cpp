#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "graph/contract/component.hpp"
#include "tests/fault/plugin/faulty.hpp"

namespace hocket::faulty {
namespace {

/// A sink that trusts nobody: counts what it is handed, judges each packet by rules of its own, and
/// puts control into the event log. Its last words go to `<actor>.json` in the output folder.
struct witness final : component {
  struct config {
    std::int64_t wait_us = 0;
    void visit(config_visitor& v) {
      v.field({.name = "wait_us", .doc = "how slow it is, per packet", .unit = "us", .min = 0},
              wait_us);
    }
  };
  static component_info info() {
    component_info out;
    out.type = "faulty.witness";
    out.summary = "Judges what it is handed (tests only).";
    out.inputs = {{"audio", sound, "sound"}, {"state", state, "level", false}};
    return out;
  }
  explicit witness(config c) : wait_(c.wait_us) {}

  result<void> open(const context& where) override {
    context_ = where;
    return {};
  }

  result<void> process(std::size_t port, const packet& p, emitter&) override {
    const auto now = context_.time->now();
    ++seen_[port];
    if (seen_[0] + seen_[1] > 1)
      longest_gap_ms_ = std::max(longest_gap_ms_, (now - last_).count() / 1e6);
    last_ = now;
    if (auto why = port == 0 ? sound_fault(p, now) : state_fault(p, now); !why.empty()) {
      if (first_bad_.empty()) first_bad_ = why;
      ++bad_;
    }
    if (wait_.count() > 0) std::this_thread::sleep_for(wait_);
    return {};
  }

  result<void> on_control(std::size_t port, const packet& p, emitter&) override {
    const auto what = to_string(p.get_if<control>()->what);
    context_.log(fmt::format("told {} on {}", what, port == 0 ? "audio" : "state"));
    return {};
  }

  result<void> close(emitter&) override {
    std::ofstream(context_.output_dir + "/" + context_.actor + ".json") << fmt::format(
        R"({{"audio": {}, "state": {}, "bad": {}, "first_bad": "{}", "longest_gap_ms": {:.3f}}})",
        seen_[0], seen_[1], bad_, first_bad_, longest_gap_ms_);
    return {};
  }

 private:
  std::string time_fault(timestamp ts, timestamp now) const {
    if (ts < timestamp()) return "a time before the start";
    if (ts > now + std::chrono::seconds(60)) return "a time far ahead";
    return "";
  }

  std::string sound_fault(const packet& p, timestamp now) {
    const auto* a = p.get_if<audio_chunk>();
    if (!a) return "no sound on the sound port";
    if (a->rate_hz != 16000 || a->channels != 1) return "wrong format";
    if (a->samples.empty() || a->samples.size_bytes() % sizeof(float) != 0) return "no samples";
    for (const float s : a->samples.as<float>())
      if (!std::isfinite(s)) return "a sample that is no number";
    if (p.header.ts < last_ts_) return "sound that goes back in time";
    last_ts_ = p.header.ts;
    return time_fault(p.header.ts, now);
  }

  std::string state_fault(const packet& p, timestamp now) const {
    const auto* t = p.get_if<tensor>();
    if (!t) return "no tensor on the tensor port";
    if (t->type != dtype::f32 || t->shape != std::vector<std::int64_t>{4}) return "wrong tensor";
    if (t->data.size_bytes() != 16) return "a tensor that lacks bytes";
    return time_fault(p.header.ts, now);
  }

  std::chrono::microseconds wait_;
  context context_;
  std::int64_t seen_[2] = {};
  std::int64_t bad_ = 0;
  std::string first_bad_;
  double longest_gap_ms_ = 0;
  timestamp last_;
  timestamp last_ts_ = timestamp::min();
};

}  // namespace

component_type witness_type() { return type_of<witness>(); }

}  // namespace hocket::faulty
