// Ways to fail: exceptions of every kind, errors that say too little or too much, calls without end.
#include <any>
#include <functional>
#include <future>
#include <optional>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <variant>

#include "tests/fault/same_process/rogue.hpp"

namespace hocket::unruly {
namespace {

/// An exception whose words are none.
struct mute : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

template <class E>
act throws(E e) {
  return [e](rogue&, emitter*) -> result<void> { throw e; };
}

act hangs() {
  return doing([](rogue&, emitter*) { wait_until_released(); });
}

}  // namespace

void add_failures(std::vector<way>& to) {
  using std::string;
  const auto add = [&](const char* name, const char* said, act does, const char* when = "process",
                       fate becomes = fate::fails) {
    to.push_back({name, when, becomes, said, std::move(does)});
  };
  to.push_back({"nothing", "process", fate::goes_on, "", doing([](auto&, auto*) {})});

  // What is thrown.
  add("throw_error", "as it should be said [host.exception]",
      throws(std::runtime_error("as it should be said")));
  add("throw_int", "no std::exception", throws(42));
  add("throw_words", "no std::exception", throws("only words"));
  add("throw_string", "no std::exception", throws(string("only words")));
  add("throw_null", "no std::exception", throws(nullptr));
  add("throw_hocket_error", "no std::exception", throws(error{"a.b", "not returned"}));
  add("throw_without_words", "an exception without words", throws(mute()));
  add("throw_empty_words", "it gave no reason", throws(std::runtime_error("")));
  add("throw_a_mebibyte", "[cut: 4096 of", throws(std::runtime_error(string(1 << 20, 'x'))));
  add("throw_escapes", "red title end",
      throws(std::runtime_error("\x1b[31mred\x1b[0m \x1b]0;gone\atitle\x1b[2J \x07"
                                "end")));
  add("throw_no_utf8", "\xEF\xBF\xBD", throws(std::runtime_error("\xff\xfe \xc3")));
  add("throw_turned_text", "evil",
      throws(std::runtime_error("\xE2\x80\xAE"
                                "evil")));
  add("throw_bad_alloc", "bad_alloc", throws(std::bad_alloc()));
  add("throw_system_error", "Bad file descriptor",
      throws(std::system_error(EBADF, std::generic_category())));
  add("room_for_too_much", "length_error", doing([](auto&, auto*) {
        try {
          std::vector<char>().reserve(SIZE_MAX);
        } catch (const std::length_error&) {
          throw std::length_error("length_error");
        }
      }));
  add("vector_at", "which is 7", doing([](auto&, auto*) { (void)std::vector<int>().at(7); }));
  add("no_optional", "bad optional access",
      doing([](auto&, auto*) { (void)std::optional<int>().value(); }));
  add("no_variant", "wrong index",
      doing([](auto&, auto*) { (void)std::get<string>(std::variant<int, string>(1)); }));
  add("no_any", "bad any_cast",
      doing([](auto&, auto*) { (void)std::any_cast<int>(std::any(1.0)); }));
  add("no_function", "bad_function_call", doing([](auto&, auto*) { std::function<void()>()(); }));
  add("broken_promise", "promise", doing([](auto&, auto*) {
        auto f = std::promise<int>().get_future();
        (void)f.get();
      }));
  add("bad_pattern", "", doing([](auto&, auto*) { (void)std::regex("(["); }));
  add("join_nobody", "Invalid argument", doing([](auto&, auto*) { std::thread().join(); }));
  add("throw_nested", "outer", doing([](auto&, auto*) {
        try {
          throw std::runtime_error("inner");
        } catch (...) {
          std::throw_with_nested(std::runtime_error("outer"));
        }
      }));
  add("throw_while_it_emits", "half way", doing([](auto& r, auto* out) {
        out->emit(0, r.at, text{.value = "x", .role = "user"});
        throw std::runtime_error("half way");
      }));

  // What is returned.
  add("error", "failed: as it should be [unruly.error]",
      [](auto&, auto*) -> result<void> { return fail("unruly.error", "as it should be"); });
  add("error_without_words", "it gave no reason [host.no_code]",
      [](auto&, auto*) -> result<void> { return fail("", ""); });
  add("error_of_escapes", "code]", [](auto&, auto*) -> result<void> {
    return fail(
        "\x1b]8;;code\n\x01"
        "code",
        "a\x1b[1mb");
  });
  add("error_of_a_mebibyte", "[cut: 4096 of", [](auto&, auto*) -> result<void> {
    return fail(string(1 << 20, 'c'), string(1 << 20, 'm'));
  });

  // In other calls.
  const auto broken = throws(std::runtime_error("broken"));
  add("throw_in_make", "broken [host.exception]", broken, "make", fate::no_start);
  add("throw_in_open", "broken [host.exception]", broken, "open", fate::no_start);
  add("throw_int_in_open", "no std::exception", throws(7), "open", fate::no_start);
  add("throw_in_tick", "broken", broken, "tick");
  add("throw_in_control", "broken", broken, "control");
  add("throw_in_task", "broken", broken, "task");
  add("throw_in_close", "last words: broken", broken, "close");
  add("throw_when_it_comes_back", "broken", broken, "reopen", fate::lost);
  add("escapes_in_open", "a b", throws(std::runtime_error("a\x1b[2J b")), "open", fate::no_start);

  // Calls without end.
  const auto over = "a call took more than";
  add("hang", over, hangs(), "process", fate::hangs);
  add("hang_in_open", over, hangs(), "open", fate::hangs);
  add("hang_in_make", over, hangs(), "make", fate::hangs);
  add("hang_in_tick", over, hangs(), "tick", fate::hangs);
  add("hang_in_task", over, hangs(), "task", fate::hangs);
  add("hang_in_close", over, hangs(), "close", fate::hangs);
  add("hang_in_destructor", over, hangs(), "destroy", fate::hangs);
  add("emit_without_end", over, doing([](auto& r, auto* out) {
        while (!is_released()) {
          out->emit(3, r.at, video_frame{1, 1, buffer::take(std::vector<char>(3))});
          std::this_thread::yield();
        }
      }),
      "process", fate::hangs);
  add("emit_after_it_hung", over, doing([](auto& r, auto* out) {
        wait_until_released();
        for (int i = 0; i < 10; ++i) out->emit(0, r.at, text{.value = "w99", .role = "user"});
      }),
      "process", fate::hangs);
}

}  // namespace hocket::unruly
