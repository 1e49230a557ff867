#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tests/fault/own_process/rogue.hpp"

namespace hocket::rogue {
namespace {

class unruly final : public component {
 public:
  struct config {
    std::string how, when;
    void visit(config_visitor& v) {
      v.field({.name = "how", .doc = "what it does"}, how);
      v.field({.name = "when", .doc = "in which call"}, when);
    }
  };
  static component_info info() {
    component_info i;
    i.type = "test.rogue";
    i.summary = "Misbehaves.";
    i.inputs = {{"words", {.kind = payload_kind::text}, "", false, {}}};
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.ticks = true;
    return i;
  }
  explicit unruly(config c) : config_(std::move(c)) { act_at("make", nullptr); }
  ~unruly() override { act_at("destroy", nullptr); }
  result<void> open(const context& c) override {
    context_ = c;
    act_at("open", nullptr);
    if (config_.when == "between")
      std::thread([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        act_at("between", nullptr);
      }).detach();
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    if (++packets_ == 3) act_at("process", &out);
    out.emit(0, p);
    return {};
  }
  result<void> tick(std::int64_t, emitter& out) override {
    act_at("tick", &out);
    return {};
  }
  result<void> close(emitter& out) override {
    act_at("close", &out);
    return {};
  }

 private:
  void act_at(const char* where, emitter* out) {
    if (config_.when != where) return;
    for (const auto& w : ways())
      if (config_.how == w.name) return w.act(context_, out);
    std::abort();
  }
  config config_;
  context context_;
  int packets_ = 0;
};

/// Ten words or as many as there should be, one each 20 ms.
class word_source final : public component {
 public:
  struct config {
    std::int64_t count = 10;
    void visit(config_visitor& v) { v.field({.name = "count", .doc = "words"}, count); }
  };
  static component_info info() {
    component_info i;
    i.type = "test.words";
    i.summary = "Words.";
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.source = true;
    return i;
  }
  explicit word_source(config c) : count_(c.count) {}
  result<source_state> produce(timestamp until, emitter& out) override {
    for (; n_ < count_ && timestamp::of_ms(n_ * 20) < until; ++n_)
      out.emit(0, timestamp::of_ms(n_ * 20), text{.value = fmt::format("w{}", n_), .role = "user"});
    return n_ < count_ ? source_state::more : source_state::end_of_stream;
  }

 private:
  std::int64_t count_;
  std::int64_t n_ = 0;
};

class sink final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.sink";
    i.summary = "Hears.";
    i.inputs = {{"words", {.kind = payload_kind::text}, "", true, {}}};
    return i;
  }
  explicit sink(config) {}
};

/// Everything that a component can do, in one.
class pairs final : public component {
 public:
  struct config {
    std::int64_t every = 3;
    std::string mark = "é: \"quoted\", {x: 1}\n";
    std::vector<std::string> list = {"a", "b: c"};
    void visit(config_visitor& v) {
      v.field({.name = "every", .doc = "interrupts"}, every);
      v.field({.name = "mark", .doc = "a text"}, mark);
      v.field({.name = "list", .doc = "texts"}, list);
    }
  };
  static component_info info() {
    component_info i;
    i.type = "test.pairs";
    i.summary = "Sets, ticks and tasks.";
    i.inputs = {{"a", {.kind = payload_kind::text}, "", true, {}},
                {"b", {.kind = payload_kind::text}, "", false, {}}};
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.policy = input_policy::micro_turn;
    i.policies = {input_policy::aligned};
    i.ticks = true;
    return i;
  }
  explicit pairs(config c) : config_(std::move(c)) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<void> process_sets(std::span<const bundle> sets, emitter& out) override {
    for (const auto& s : sets) {
      std::string all =
          fmt::format("set {} [{},{}) e{}:", s.micro_turn, s.from.ns(), s.to.ns(), s.epoch);
      for (std::size_t i = 0; i < s.inputs.size(); ++i)
        all += fmt::format(" {}x{}{}", s.inputs[i].size(),
                           s.inputs[i].empty() ? "" : s.inputs[i].front().get_if<text>()->value,
                           s.missing[i] ? "!" : "");
      say(out, all);
      context_.self->run([this, all](emitter& o) { say(o, "task after " + all); });
      context_.count("sets", 1);
      if (++sets_ % config_.every == 0) out.interrupt();
    }
    return {};
  }
  result<void> tick(std::int64_t k, emitter& out) override {
    say(out, fmt::format("tick {} {} {}", k, config_.mark, config_.list.back()));
    return {};
  }
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override {
    say(out, fmt::format("control {} {}", port, to_string(p.get_if<control>()->what)));
    return {};
  }
  result<void> close(emitter& out) override {
    say(out, "last words");
    return {};
  }

 private:
  void say(emitter& out, const std::string& what) {
    out.emit(0, context_.time->now(),
             text{.value = fmt::format("{} @{}", what, context_.time->now().ns()), .role = "user"});
  }
  config config_;
  context context_;
  std::int64_t sets_ = 0;
};

/// Large sounds go through it: as they came, and made anew.
class sound final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.sound";
    i.summary = "Large payloads.";
    i.inputs = {{"audio", {.kind = payload_kind::audio}, "", true, {}}};
    i.outputs = {{"same", {.kind = payload_kind::audio}, ""},
                 {"made", {.kind = payload_kind::audio}, ""}};
    return i;
  }
  explicit sound(config) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    const auto copies = buffer::copies_made();
    auto a = *p.get_if<audio_chunk>();
    auto room = out.allocate(1, a.samples.size_bytes());
    const auto from = a.samples.as<float>();
    auto to = room.as<float>();
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = -from[i];
    out.emit(0, p);
    a.samples = std::move(room).seal();
    out.emit(1, make_packet(p.header.ts, std::move(a)));
    context_.count("copies", static_cast<std::int64_t>(buffer::copies_made() - copies));
    return {};
  }

 private:
  context context_;
};

/// Where the tones of this process lie.
std::mutex tones_mutex;
std::vector<const void*> tones_at;

/// Forty sounds of 256 KiB, made where the receiver wants them.
class tones final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.tones";
    i.summary = "Large sounds.";
    i.outputs = {{"audio", {.kind = payload_kind::audio}, ""}};
    i.source = true;
    return i;
  }
  explicit tones(config) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<source_state> produce(timestamp until, emitter& out) override {
    constexpr std::size_t samples = 65536;
    for (; n_ < 40 && timestamp::of_ms(n_ * 20) < until; ++n_) {
      auto room = out.allocate(0, samples * sizeof(float));
      auto to = room.as<float>();
      for (std::size_t i = 0; i < samples; ++i) to[i] = static_cast<float>(n_ * i % 7) / 8;
      audio_chunk a;
      a.first_sample = n_ * static_cast<std::int64_t>(samples);
      a.samples = std::move(room).seal();
      {
        std::lock_guard lock(tones_mutex);
        tones_at.push_back(a.samples.identity());
      }
      out.emit(0, timestamp::of_ms(n_ * 20), std::move(a));
    }
    return n_ < 40 ? source_state::more : source_state::end_of_stream;
  }

 private:
  context context_;
  std::int64_t n_ = 0;
};

class ears final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.ears";
    i.summary = "Looks where sounds lie.";
    i.inputs = {{"audio", {.kind = payload_kind::audio}, "", true, {}}};
    return i;
  }
  explicit ears(config) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter&) override {
    const auto* at = p.get_if<audio_chunk>()->samples.identity();
    std::lock_guard lock(tones_mutex);
    if (std::find(tones_at.begin(), tones_at.end(), at) != tones_at.end())
      context_.count("of_tones", 1);
    return {};
  }

 private:
  context context_;
};

}  // namespace

registry types() {
  registry out;
  if (!out.add(type_of<unruly>()) || !out.add(type_of<word_source>()) ||
      !out.add(type_of<pairs>()) || !out.add(type_of<sound>()) || !out.add(type_of<sink>()) ||
      !out.add(type_of<tones>()) || !out.add(type_of<ears>()))
    std::abort();
  return out;
}

}  // namespace hocket::rogue
