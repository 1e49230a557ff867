#include "actors/gateway/tinker/training.hpp"

#include <atomic>
#include <future>
#include <new>

#include <doctest/doctest.h>

using namespace hocket;
using namespace hocket::tinker;

namespace {

/// Until the condition holds; two minutes at most.
template <class Condition>
bool becomes(Condition holds) {
  for (int i = 0; i < 12'000 && !holds(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return holds();
}

training_run run_of(const std::string& id) {
  training_run r;
  r.id = id, r.owner = "ann", r.session = "s";
  return r;
}

}  // namespace

TEST_CASE("a pass that cannot even begin ends its request, and the next one runs") {
  future_table futures;
  const auto engine = train_here();
  training_hall hall(futures, *engine, {});
  REQUIRE(hall.start(run_of("r"), [](training_run&) { return done({}); }));
  pass_work lacking, told;
  lacking.refuses = [](const training_run&) -> std::optional<outcome> { throw std::bad_alloc(); };
  told.refuses = [](const training_run&) { return std::optional(failed("as it should")); };
  REQUIRE(hall.submit("r", "ann", 1, lacking));
  REQUIRE(hall.submit("r", "ann", 2, told));
  CHECK(becomes([&] { return futures.outstanding("ann") == 0; }));
}

TEST_CASE("what was sent long ago is not remembered for ever, and not run again") {
  future_table futures;
  const auto engine = train_here();
  training_hall hall(futures, *engine, {});
  std::atomic<int> ran{0};
  const auto count = [&](training_run&) {
    ++ran;
    return done({});
  };
  const auto made = hall.start(run_of("r"), count);
  REQUIRE(made);
  constexpr int all = 20'050;
  result<std::string> last = made;
  for (int number = 1; number <= all; ++number) {
    last = hall.submit("r", "ann", number, count);
    REQUIRE(last);
    if (number % 4'000 == 0) REQUIRE(becomes([&] { return futures.outstanding("ann") == 0; }));
  }
  CHECK(becomes([&] { return futures.outstanding("ann") == 0; }));
  CHECK(hall.submit("r", "ann", all, count).value_or("") == *last);
  CHECK(hall.start(run_of("r"), count).value_or("") == *made);
  const auto first = hall.submit("r", "ann", 1, count);
  REQUIRE(!first);
  CHECK(first.error().message.find("out of order") != std::string::npos);
  CHECK(ran == all + 1);
}

TEST_CASE("a model that was not made counts as none") {
  future_table futures;
  const auto engine = train_here();
  training_hall hall(futures, *engine, {});
  REQUIRE(hall.start(run_of("r"), [](training_run& r) {
    r.problem = "no memory";
    return failed(r.problem);
  }));
  CHECK(becomes([&] { return hall.loaded("ann") == 0; }));
  CHECK(hall.find("r", "ann"));
}

TEST_CASE("what an operation waits for is told truly") {
  future_table futures;
  std::promise<void> go;
  const auto held = go.get_future().share();
  const auto engine = train_here();
  training_hall hall(futures, *engine, {});
  auto other = run_of("other");
  other.owner = "bob";
  const auto first = hall.start(run_of("r"), [held](training_run&) {
    held.wait();
    return done({});
  });
  REQUIRE(first);
  const auto note = [&](const char* run, const result<std::string>& request) {
    REQUIRE(request);
    const auto n = hall.waits_for(run, *request);
    return (n.is_paused ? "paused: " : "active: ") + n.reason;
  };
  CHECK(becomes([&] { return note("r", first) == "active: "; }));  // it is worked on
  // Another owner's model waits for its turn, and hears nothing of whose turn it is.
  const auto made = hall.start(std::move(other), [](training_run&) { return done({}); });
  CHECK(note("other", made) == "paused: the server trains other models; they take turns");
  const auto nothing = [](training_run&) { return done({}); };
  const auto third = hall.submit("r", "ann", 3, nothing),
             second = hall.submit("r", "ann", 2, nothing);
  CHECK(note("r", second) == "active: 1 operation of this model comes before it");
  CHECK(note("r", third) == "active: 2 operations of this model come before it");
  const auto behind = hall.submit("other", "bob", 1, nothing);
  CHECK(note("other", behind) == "paused: 1 operation of this model comes before it");
  go.set_value();
  // Number 1 never came.
  const auto lacking = "active: it waits for operation 1 of this model, which has not come";
  CHECK(becomes([&] { return note("r", second) == lacking && note("r", third) == lacking; }));
  REQUIRE(hall.submit("r", "ann", 1, nothing));
  CHECK(becomes([&] { return futures.outstanding("ann") + futures.outstanding("bob") == 0; }));
  CHECK(note("r", third) == "active: ");
  CHECK(note("nowhere", third) == "active: ");
}
