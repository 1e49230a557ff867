#include "actors/gateway/tinker/training.hpp"

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
  training_hall hall(futures, {});
  REQUIRE(hall.start(run_of("r"), [](training_run&) { return done({}); }));
  pass_work lacking, told;
  lacking.refuses = [](const training_run&) -> std::optional<outcome> { throw std::bad_alloc(); };
  told.refuses = [](const training_run&) { return std::optional(failed("as it should")); };
  REQUIRE(hall.submit("r", "ann", 1, lacking));
  REQUIRE(hall.submit("r", "ann", 2, told));
  CHECK(becomes([&] { return futures.outstanding("ann") == 0; }));
}

TEST_CASE("a model that was not made counts as none") {
  future_table futures;
  training_hall hall(futures, {});
  REQUIRE(hall.start(run_of("r"), [](training_run& r) {
    r.problem = "no memory";
    return failed(r.problem);
  }));
  CHECK(becomes([&] { return hall.loaded("ann") == 0; }));
  CHECK(hall.find("r", "ann"));
}
