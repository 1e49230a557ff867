// Components that make it visible which replica handled which packet of which conversation.
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "graph/contract/component.hpp"
#include "graph/contract/plugin.hpp"

namespace hocket::choir {
namespace {

const media_type words = {.kind = payload_kind::text};

struct no_keys {
  void visit(config_visitor&) {}
};

/// "0", "1", "2", … every 10 ms, for as long as it is asked: it waits while its queue is full.
struct counter final : component {
  using config = no_keys;
  static component_info info() {
    component_info out;
    out.type = "choir.counter";
    out.summary = "Counts (tests only).";
    out.outputs = {{"numbers", words, "one after the other"}};
    out.source = true;
    out.period_ms = 10;
    return out;
  }
  explicit counter(config) {}
  result<source_state> produce(timestamp until, emitter& out) override {
    out.emit(0, until - duration(1), text{std::to_string(next_++), "user"});
    return source_state::more;
  }

 private:
  std::int64_t next_ = 0;
};

/// Adds to each number who it is and the how-manieth of this conversation it is in its memory.
struct singer final : component {
  using config = no_keys;
  static component_info info() {
    component_info out;
    out.type = "choir.singer";
    out.summary = "Sings what it hears (tests only).";
    out.inputs = {{"numbers", words, "numbers"}};
    out.outputs = {{"song", words, "who, how many so far, and the number"}};
    out.scope = instance_scope::shared;
    return out;
  }
  explicit singer(config) {}
  result<void> open(const context& where) override {
    name_ = where.actor;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    const auto nth = ++heard_[p.header.session];
    out.emit(0, p.header.ts,
             text{fmt::format("{} {} {}", name_, nth, p.get_if<text>()->value), "model"});
    return {};
  }

 private:
  std::string name_;
  std::map<session_id, std::int64_t> heard_;
};

/// Writes down what it hears, and what it is told of its input, in `heard.<session>.txt`.
struct listener final : component {
  using config = no_keys;
  static component_info info() {
    component_info out;
    out.type = "choir.listener";
    out.summary = "Writes down what it hears (tests only).";
    out.inputs = {{"song", words, "song"}};
    return out;
  }
  explicit listener(config) {}
  result<void> open(const context& where) override {
    file_.open(fmt::format("{}/heard.{}.txt", where.output_dir,
                           static_cast<std::uint64_t>(where.session)));
    if (!file_) return fail("choir.cannot_write", "cannot write what is heard");
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter&) override {
    file_ << p.get_if<text>()->value << std::endl;  // read while it runs
    return {};
  }
  result<void> on_control(std::size_t, const packet& p, emitter&) override {
    file_ << "told " << to_string(p.get_if<control>()->what) << std::endl;
    return {};
  }

 private:
  std::ofstream file_;
};

/// Says what it hears, to each what that one said: what answers behind a gateway.
struct parrot final : component {
  using config = no_keys;
  static component_info info() {
    const media_type sound{.kind = payload_kind::audio, .rate_hz = 16000, .channels = 1};
    component_info out;
    out.type = "choir.parrot";
    out.summary = "Says what it hears (tests only).";
    out.inputs = {{"audio", sound, "sound"}};
    out.outputs = {{"audio", sound, "the same"}};
    out.scope = instance_scope::shared;
    return out;
  }
  explicit parrot(config) {}
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    out.for_session(p.header.session);
    out.emit(0, p.header.ts, audio_chunk(*p.get_if<audio_chunk>()));
    return {};
  }
};

}  // namespace
}  // namespace hocket::choir

HOCKET_PLUGIN(choir) {
  HOCKET_TRY(into.add(hocket::type_of<hocket::choir::counter>()));
  HOCKET_TRY(into.add(hocket::type_of<hocket::choir::singer>()));
  HOCKET_TRY(into.add(hocket::type_of<hocket::choir::parrot>()));
  return into.add(hocket::type_of<hocket::choir::listener>());
}
