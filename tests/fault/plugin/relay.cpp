#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "tests/fault/plugin/faulty.hpp"

namespace hocket::faulty {
namespace {

[[noreturn]] void hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Passes sound on and adds its level as state; from `at_ms` on it does what `fault` says, in its
/// first `lives` lives. The line "fault" in the event log stands right before each fault.
struct relay final : component {
  struct config {
    std::string fault = "none";
    std::int64_t at_ms = 0;
    std::int64_t lives = 1;
    std::int64_t packets = 1000;
    void visit(config_visitor& v) {
      v.field(
          {.name = "fault",
           .doc = "what goes wrong",
           .choices = {"none", "throw", "throw_int", "error", "throw_open", "fail_start", "hang",
                       "hang_open", "hang_close", "flood", "garbage", "abort", "segfault"}},
          fault);
      v.field({.name = "at_ms", .doc = "stream time from which on", .unit = "ms", .min = 0}, at_ms);
      v.field({.name = "lives", .doc = "how many lives have the fault", .min = 0}, lives);
      v.field({.name = "packets", .doc = "flood: packets per input packet", .min = 1}, packets);
    }
  };
  static component_info info() {
    component_info out;
    out.type = "faulty.relay";
    out.summary = "Passes sound on until its fault comes (tests only).";
    out.inputs = {{"audio", sound, "sound"}};
    out.outputs = {{"audio", sound, "the same sound"}, {"state", state, "level, four times"}};
    return out;
  }
  explicit relay(config c) : config_(std::move(c)) {}

  result<void> open(const context& where) override {
    context_ = where;
    faulty_ = config_.fault != "none" && context_.restarts < config_.lives;
    if (is("hang_open")) told(), hang();
    if (is("fail_start")) return fail("faulty.no_device", "no device on purpose");
    if (is("throw_open") && where.restarts > 0) told(), throw std::runtime_error("open fails");
    return {};
  }

  result<void> process(std::size_t, const packet& p, emitter& out) override {
    if (p.header.ts >= timestamp::of_ms(config_.at_ms)) HOCKET_TRY(break_down(p, out));
    out.emit(0, p.header.ts, audio_chunk(*p.get_if<audio_chunk>()));
    const auto level = p.get_if<audio_chunk>()->samples.as<float>().front();
    out.emit(1, p.header.ts, tensor{dtype::f32, {4}, buffer::take(std::vector<float>(4, level))});
    return {};
  }

  result<void> close(emitter&) override {
    if (is("hang_close")) told(), hang();
    return {};
  }

 private:
  bool is(std::string_view fault) const { return faulty_ && config_.fault == fault; }
  void told() {
    if (!std::exchange(told_, true)) context_.log("fault: " + config_.fault);
  }

  result<void> break_down(const packet& p, emitter& out) {
    if (!faulty_) return {};
    if (is("throw") || is("throw_open")) told(), throw std::runtime_error("thrown on purpose");
    if (is("throw_int")) told(), throw 5;
    if (is("error")) return told(), fail("faulty.error", "failed on purpose");
    if (is("hang")) told(), hang();
    if (is("abort")) told(), std::abort();
    if (is("segfault")) told(), *nowhere_ = 1;
    if (is("flood")) flood(p, out);
    if (is("garbage")) {
      told();
      const auto [sounds, states] = emit_garbage(p.header.ts, out);
      context_.count("garbage_sound", sounds);
      context_.count("garbage_state", states);
    }
    return {};
  }

  // Fresh memory for each packet, as a real flood has it: kept packets would show in the peak RSS.
  void flood(const packet& p, emitter& out) {
    told();
    for (std::int64_t i = 0; i < config_.packets; ++i) {
      auto chunk = *p.get_if<audio_chunk>();
      chunk.samples = buffer::copy_of(chunk.samples.bytes());
      out.emit(0, p.header.ts, std::move(chunk));
    }
    context_.count("flooded", config_.packets);
  }

  config config_;
  int* volatile nowhere_ = nullptr;  // volatile: the compiler must not see through it
  context context_;
  bool faulty_ = false;
  bool told_ = false;
};

}  // namespace

component_type relay_type() { return type_of<relay>(); }

}  // namespace hocket::faulty
