#include "graph/trust/secret.hpp"

#include <sstream>
#include <type_traits>

#include <doctest/doctest.h>

using namespace hocket::trust;

namespace {

template <class T>
concept printable = requires(std::ostream& out, const T& t) {
  out << t;
};

struct noted_here {
  noted_here() { forget_secrets(); }
  ~noted_here() { forget_secrets(); }
};

}  // namespace

static_assert(!printable<secret>);
static_assert(!std::is_copy_constructible_v<secret> && !std::is_copy_assignable_v<secret>);
static_assert(!std::is_convertible_v<secret, std::string> &&
              !std::is_convertible_v<secret, std::string_view> &&
              !std::is_convertible_v<std::string, secret>);

TEST_CASE("a secret is moved, and gone where it was") {
  secret a("word");
  secret b(std::move(a));
  CHECK(a.empty());
  CHECK(b.exposed() == "word");
  a = std::move(b);
  CHECK(b.empty());
  CHECK(a.exposed() == "word");
  std::string text = "a text that is long enough to lie on the heap";
  const auto* const was = text.data();
  const auto size = text.size();
  wipe(text);
  CHECK(text.empty());
  CHECK(std::string_view(was, size).find_first_not_of('\0') == std::string_view::npos);
}

TEST_CASE("a value that a graph took from the environment is a name in every text") {
  const noted_here scope;
  CHECK(without_secrets("as it is") == "as it is");
  note_secret("TOKEN", "canary-5d1f-\"quoted\"\tand $more");
  note_secret("PIN", "4711");
  note_secret("X", "on");
  note_secret("HOME", "/srv/somebody");
  note_secret("PEM", "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nshort\n-----END KEY-----");
  CHECK(without_secrets("sent canary-5d1f-\"quoted\"\tand $more!") == "sent ${env:TOKEN}!");
  CHECK(without_secrets("[\"canary-5d1f-\\\"quoted\\\"\\tand $more\"]") == "[\"${env:TOKEN}\"]");
  CHECK(without_secrets("pin 4711, not 47112 or a4711") == "pin ${env:PIN}, not 47112 or a4711");
  CHECK(without_secrets("tcp://h:4711/") == "tcp://h:${env:PIN}/");
  CHECK(without_secrets("on /srv/somebody") == "on /srv/somebody");
  CHECK(without_secrets("line MIIEvQIBADANBgkq") == "line ${env:PEM}");
}

TEST_CASE("a graph's text keeps its meaning: values are references where they stand") {
  const noted_here scope;
  note_secret("KEY", "a \"b\"\nc");
  note_secret("RATE", "16000");
  note_secret("DEVICE", "cpu");
  note_secret("PATTERN", "x${y}z");
  const auto was =
      "hocket: 1\nactors:\n  cpu:\n    component: audio.cpu\n    rate_hz: 16000\n"
      "    other_hz: 160001\n    device: \"cpu\"\n    key: \"a \\\"b\\\"\\nc\"\n"
      "    url: \"http://h/16000/x$${y}z?cpu\"\n"
      "    inputs:\n      in:\n        - {from: cpu.out, queue: {size: 16000, full: block}}\n"
      "    rates_hz: [16000, 8000]\n";
  CHECK(graph_without_secrets(was) ==
        "hocket: 1\nactors:\n  cpu:\n    component: audio.cpu\n    rate_hz: \"${env:RATE}\"\n"
        "    other_hz: 160001\n    device: \"${env:DEVICE}\"\n    key: \"${env:KEY}\"\n"
        "    url: \"http://h/${env:RATE}/${env:PATTERN}?cpu\"\n"
        "    inputs:\n      in:\n        - {from: cpu.out, queue: {size: \"${env:RATE}\", full: "
        "block}}\n"
        "    rates_hz: [\"${env:RATE}\", 8000]\n");
}

TEST_CASE("several hold a secret, and it is compared without being shown") {
  shared_secret a("abc"), none;
  const auto b = a;
  CHECK(b.exposed().data() == a.exposed().data());
  a.clear();
  CHECK(a.empty());
  CHECK(none.empty());
  CHECK(none.exposed().empty());
  CHECK(b.exposed() == "abc");
  CHECK((b == shared_secret(std::string("abc"))));
  for (const auto* other : {"abd", "ab", "abcd", ""}) CHECK(!(b == shared_secret(other)));
}

TEST_CASE("the secrets of one graph go from its text, whatever the process noted before") {
  forget_secrets();
  note_secret("OLD", "word");
  {
    secrets_of_graph mine;
    note_secret("PIN", "7");
    note_secret("OLD_TOO", "hunter2hunter2");
    CHECK(mine.without("a: \"word\"\npin: \"7\"\nurl: \"x hunter2hunter2\"\n") ==
          "a: \"word\"\npin: \"${env:PIN}\"\nurl: \"x ${env:OLD_TOO}\"\n");
  }
  secrets_of_graph none;
  CHECK(none.without("pin: \"7\"\n") == "pin: \"7\"\n");
  note_secret("PIN", "7");  // noted before, and of this graph, too
  CHECK(none.without("pin: \"7\"\n") == "pin: \"${env:PIN}\"\n");
  forget_secrets();
}
