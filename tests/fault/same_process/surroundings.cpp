// What a component may do wrong with what its surroundings gave to it.
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/fault/same_process/rogue.hpp"

namespace hocket::unruly {
namespace {

text x() { return {.value = "x", .role = "user"}; }

/// Runs when the last copy of a task goes, wherever that is.
std::shared_ptr<void> at_the_end_of(std::function<void()> f) {
  return std::shared_ptr<void>(nullptr, [f = std::move(f)](void*) { f(); });
}

}  // namespace

void add_surroundings(std::vector<way>& to) {
  const auto add = [&](const char* name, fate becomes, const char* said, act does,
                       const char* when = "process", way::clocks where = way::clocks::both) {
    to.push_back({name, when, becomes, said, std::move(does), where});
  };
  const auto fine = fate::goes_on, fails = fate::fails;

  // Its log and its counters.
  add("log_escapes", fine, "log: a title ", doing([](auto& r, auto*) {
        r.where.log(
            "a\x1b[31m \x1b]52;c;cm0=\atitle\x1b]0;gone\x1b\\ \x9b"
            "b");
      }));
  add("log_no_utf8", fine, "log: \xEF\xBF\xBD", doing([](auto& r, auto*) { r.where.log("\xff"); }));
  add("log_a_mebibyte", fine, "[cut: 4096 of",
      doing([](auto& r, auto*) { r.where.log(std::string(1 << 20, 'l')); }));
  add("log_nothing", fine, "log: ", doing([](auto& r, auto*) { r.where.log({}); }));
  add("log_flood", fine, "log: line 7", doing([](auto& r, auto*) {
        for (int i = 0; i < 100'000; ++i) r.where.log(fmt::format("line {}", i));
      }));
  add("counter_names_without_end", fine, "", doing([](auto& r, auto*) {
        for (int i = 0; i < 20'000; ++i) r.where.count(fmt::format("counter_{}", i), 1);
      }));
  add("counter_of_escapes", fine, "", doing([](auto& r, auto*) {
        r.where.count("a\x1b[2J\nb\xff", 1);
        r.where.count(std::string(1 << 20, 'c'), 1);
        r.where.count("", 1);
      }));
  add("counter_overflows", fine, "", doing([](auto& r, auto*) {
        for (int i = 0; i < 3; ++i) {
          r.where.count("up", std::numeric_limits<std::int64_t>::max());
          r.where.count("down", std::numeric_limits<std::int64_t>::min());
        }
      }));
  add("counters_of_the_host", fate::bad_packet, "words: no payload", doing([](auto& r, auto* out) {
        for (const auto* name : {"bad_packets", "bad_\x1b[2Jpackets", "log_lines_left_out",
                                 "late_emits", "counters_left_out"})
          r.where.count(name, std::numeric_limits<std::int64_t>::max());
        for (int i = 0; i < 3000; ++i) r.where.log("line");
        for (int i = 0; i < 2000; ++i) r.where.count(fmt::format("counter_{}", i), 1);
        out->emit(0, packet{});
      }));

  // Tasks.
  add("task_of_nothing", fails, "bad_function_call",
      doing([](auto& r, auto*) { r.where.self->run(nullptr); }));
  add("many_tasks", fine, "", doing([](auto& r, auto*) {
        for (int i = 0; i < 200'000; ++i) r.where.self->run([](emitter&) {});
      }));
  add("tasks_that_make_tasks", fails, "no time passes any more", doing([](auto& r, auto*) {
        struct again {
          std::shared_ptr<mailbox_handle> self;
          void operator()(emitter&) const { self->run(again{self}); }
        };
        r.where.self->run(again{r.where.self});
      }),
      "process", way::clocks::virtual_only);
  add("tasks_that_hold_and_a_failure", fails, "with work under way", doing([](auto& r, auto*) {
        for (int i = 0; i < 5; ++i) r.where.self->run([keep = r.where.hold()](emitter&) {});
        throw std::runtime_error("with work under way");
      }));
  add("tasks_that_come_back_at_their_end", fails, "with owners", doing([](auto& r, auto*) {
        for (int i = 0; i < 5; ++i)
          r.where.self->run([keep = at_the_end_of([w = r.where] {
                               w.count("gone", 1);
                               w.log("gone");
                               w.self->run([](emitter&) {});
                               (void)w.hold();
                               w.still_at_work();
                             })](emitter&) {});
        throw std::runtime_error("with owners");
      }));
  add("tasks_that_hold_and_a_hang", fate::hangs, "a call took more than", doing([](auto& r, auto*) {
        for (int i = 0; i < 5; ++i) r.where.self->run([keep = r.where.hold()](emitter&) {});
        wait_until_released();
      }));
  add("tasks_at_the_end", fine, "", doing([](auto& r, auto* out) {
        for (int i = 0; i < 5; ++i) r.where.self->run([keep = r.where.hold()](emitter&) {});
        if (out != nullptr) out->emit(0, r.where.time->now(), x());
      }),
      "close");

  // Work under way.
  add("holds_without_end", fine, "",
      doing([](auto& r, auto*) { in_thread([token = r.where.hold()] { wait_until_released(); }); }),
      "process", way::clocks::virtual_only);
  add("holds_in_its_destructor", fine, "", doing([](auto& r, auto*) {
        (void)r.where.hold();
        r.where.count("late", 1);
        r.where.log("late");
        r.where.self->run([](emitter&) {});
      }),
      "destroy");

  // Conversations.
  add("opens_and_tells_nobody", fails, "bad_function_call", doing([](auto& r, auto*) {
        r.keep = r.where.hold();  // it is still to be told
        r.where.sessions->open(nullptr);
      }));
  add("throws_when_it_is_told", fails, "told", doing([](auto& r, auto*) {
        r.keep = r.where.hold();
        r.where.sessions->open(
            [](const result<session_id>&, emitter&) { throw std::runtime_error("told"); });
      }));
  add("opens_more_than_there_may_be", fine, "log: refused 100", doing([](auto& r, auto*) {
        auto n = std::make_shared<int>(0);
        for (int i = 0; i < 100; ++i)
          r.where.sessions->open(
              [n, log = r.where.log, keep = r.where.hold()](const result<session_id>& s, emitter&) {
                if (!s && ++*n == 100) log(fmt::format("refused {}", *n));
              });
      }));
  add("ends_who_is_not_there", fine, "", doing([](auto& r, auto*) {
        for (const auto id : {0UL, 999UL, ~0UL}) {
          r.where.sessions->close(session_id{id == 0 ? 998 : id});
          r.where.sessions->interrupt(session_id{id});
        }
      }));
  add("hears_of_ends_as_nobody", fine, "", doing([](auto& r, auto*) {
        for (int i = 0; i < 100; ++i) r.where.sessions->on_end(nullptr);
      }));

  // Memory, and packets that are kept.
  add("room_for_everything", fails, "bad_array_new_length", doing([](auto&, auto* out) {
        (void)out->allocate(1, std::numeric_limits<std::size_t>::max());
      }));
  add("room_of_no_port", fine, "", doing([](auto&, auto* out) {
        (void)out->allocate(77, 16);
        (void)out->allocate(1, 0);
        (void)out->allocate(1, 1 << 20);
      }));
  add("keeps_everything", fine, "", doing([](auto& r, auto*) {
        for (int i = 0; i < 100'000; ++i) r.kept.push_back(r.kept.front());
      }));

  // Threads of its own, through what threads may use.
  const auto busy = doing([](auto& r, auto*) {
    for (int i = 0; i < 2000 && !is_released(); ++i) {
      r.where.self->run([](emitter&) {});
      r.where.count("from_outside", 1);
      const auto token = r.where.hold();
      (void)r.where.time->now();
      r.where.still_at_work();
    }
  });
  add("thread_in_a_hurry", fine, "", busy, "thread");
  add("thread_that_stays", fine, "", doing([busy](auto& r, auto*) {
        wait_until_released();
        // The run is over: nothing that it was given may do more than nothing.
        if (r.where.self->run([](emitter&) {})) throw std::logic_error("the run is over");
        r.where.count("late", 1);
        r.where.log("late");
        r.where.still_at_work();
        r.where.sessions->close(session_id{1});
        r.where.sessions->open([](const result<session_id>&, emitter&) {});
        (void)r.where.hold();
      }),
      "thread that stays");
  add("thread_whose_tasks_throw", fails, "from a thread", doing([](auto& r, auto*) {
        r.where.self->run([](emitter&) { throw std::runtime_error("from a thread"); });
      }),
      "thread", way::clocks::real_only);
}

}  // namespace hocket::unruly
