#pragma once

#include <doctest/doctest.h>

#include <algorithm>

#include <fmt/format.h>

#include "actors/host/run/run_plan.test.hpp"

namespace hocket::testing {

inline std::uint64_t number(session_id s) { return static_cast<std::uint64_t>(s); }

/// A gateway as a shared source: asks for conversations in `open`, greets each, interrupts the
/// first, closes all, and ends when it has heard of their ends. `speaker` is what a conversation
/// consists of.
struct gateway {
  plan_maker g;
  std::shared_ptr<notebook> told = std::make_shared<notebook>();    ///< to the gateway
  std::shared_ptr<notebook> spoken = std::make_shared<notebook>();  ///< by the conversations
  /// From this session on, `speaker` does not open.
  std::uint64_t broken_from = 1000;
  /// It closes what it opened; else it waits until something else ends them.
  bool closes = true;
  /// It fails once, when all are open.
  std::atomic<bool> fails{false};

  explicit gateway(int wanted = 2) {
    g.add("mic", 0, 1, [this] {
      auto c = std::make_unique<lambda_component>();
      c->on_produce = [this](timestamp, emitter&) -> result<source_state> {
        return told->count("end") > 0 ? source_state::end_of_stream : source_state::more;
      };
      return c;
    });
    g.source("mic");
    g.info("mic").scope = instance_scope::shared;
    g.add("gate", 0, 1, [this, wanted] { return make_gate(wanted); });
    g.source("gate");
    g.info("gate").scope = instance_scope::shared;
    g.add("speaker", 2, 0, [this] { return make_speaker(); });
    g.link("mic", 0, "speaker", 0);
    g.link("gate", 0, "speaker", 1);
  }

  std::unique_ptr<component> make_gate(int wanted) {
    struct state {
      std::vector<session_id> open;
      int answered = 0, ended = 0;
      bool interrupted = false, closing = false;
    };
    auto s = std::make_shared<state>();
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    c->on_open = [this, s, self, wanted](const context& where) -> result<void> {
      REQUIRE(where.sessions);
      where.sessions->on_end([this, s](session_id id, emitter&) {
        told->add(fmt::format("over {}", number(id)));
        if (std::ranges::find(s->open, id) != s->open.end()) ++s->ended;
      });
      for (int i = 0; i < wanted; ++i)
        where.sessions->open([this, s, self](const result<session_id>& id, emitter& out) {
          ++s->answered;
          if (!id) {
            told->add(id.error().code);
            return;
          }
          s->open.push_back(*id);
          std::sort(s->open.begin(), s->open.end());  // in real time the quicker one comes first
          told->add(fmt::format("open {}", number(*id)));
          out.for_session(*id);
          out.emit(0, self->where.time->now(), word(fmt::format("hello {}", number(*id))));
        });
      return {};
    };
    c->on_produce = [this, s, self, wanted](timestamp until, emitter&) -> result<source_state> {
      auto& sessions = *self->where.sessions;
      if (s->answered < wanted || until < timestamp(200'000'000)) return source_state::more;
      if (fails.exchange(false)) return fail("test.broken", "the door fell shut");
      if (!s->interrupted && !s->open.empty()) sessions.interrupt(s->open[0]);
      s->interrupted = true;
      if (!closes || until < timestamp(400'000'000)) return source_state::more;
      if (!s->closing) {
        for (const auto id : s->open) sessions.close(id);
        for (const auto id : s->open) sessions.close(id);  // a second time: nothing
        sessions.close(session_id{999});                   // there is none
      }
      s->closing = true;
      if (s->ended < static_cast<int>(s->open.size())) return source_state::more;
      told->add("end");
      return source_state::end_of_stream;
    };
    return c;
  }

  std::unique_ptr<component> make_speaker() {
    auto c = std::make_unique<lambda_component>();
    auto* self = c.get();
    const auto note = [this, self](const std::string& what) {
      spoken->add(fmt::format("{}: {}", number(self->where.session), what));
    };
    c->on_open = [this](const context& where) -> result<void> {
      if (number(where.session) >= broken_from) return fail("test.broken", "no room");
      return {};
    };
    c->on_packet = [note](std::size_t, const packet& p, emitter&) -> result<void> {
      note(p.get_if<text>()->value);
      return {};
    };
    c->on_control_packet = [note](std::size_t, const packet& p, emitter&) -> result<void> {
      if (p.get_if<control>()->what == control::kind::interrupt) note("interrupted");
      return {};
    };
    c->on_close = [note](emitter&) -> result<void> {
      note("closed");
      return {};
    };
    return c;
  }

  /// Two conversations from `first` on began, were greeted, and are over; the gateway was told once.
  void check_two(std::uint64_t first) const {
    for (auto id : {first, first + 1}) {
      CAPTURE(id);
      CHECK(told->count(fmt::format("open {}", id)) == 1);
      CHECK(spoken->count(fmt::format("{}: hello {}", id, id)) == 1);
      CHECK(spoken->count(fmt::format("{}: closed", id)) == 1);
      CHECK(told->count(fmt::format("over {}", id)) == 1);
    }
  }
  void check_interrupted(std::uint64_t first) const {
    CHECK(spoken->count(fmt::format("{}: interrupted", first)) == 1);
    CHECK(spoken->count(fmt::format("{}: interrupted", first + 1)) == 0);
  }
};

}  // namespace hocket::testing
