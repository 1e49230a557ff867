#include "graph/spec/session_place.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "graph/spec/plan.hpp"
#include "graph/spec/replicas.hpp"

using namespace hocket;

TEST_CASE(
    "suits: a new conversation is with replicas that are there, and with the source that asks") {
  component_type source, model;
  source.info.source = true;
  plan p;
  for (const std::string family : {"door", "model"})
    for (std::int32_t r = 0; r < 2; ++r) {
      plan_actor a;
      a.name = family + "/" + std::to_string(r + 1);
      a.host = (family == "door" ? "edge" : "brain") + std::to_string(r + 1);
      a.family = family, a.replicas = 2, a.replica = r;
      a.type = family == "door" ? &source : &model;
      p.actors.push_back(a);
    }
  const auto numbers = [&](std::string_view asks, const std::vector<std::string>& lost) {
    int n = 0;
    for (int s = 1; s <= 400; ++s) {
      const auto id = static_cast<session_id>(s);
      if (!suits(p, id, asks, [&](const std::string& host) {
            return std::find(lost.begin(), lost.end(), host) != lost.end();
          }))
        continue;
      ++n;
      if (!asks.empty()) CHECK(replica_for(id, "door", 2) == (asks == "edge2"));
      if (lost == std::vector<std::string>{"brain1"}) CHECK(replica_for(id, "model", 2) == 1);
    }
    return n;
  };
  CHECK(numbers("", {}) == 400);
  const int halves[] = {numbers("edge1", {}), numbers("edge2", {}), numbers("", {"brain1"})};
  for (const int n : halves) {
    CHECK(n > 100);
    CHECK(n < 300);
  }
  CHECK(halves[0] + halves[1] == 400);
  CHECK(numbers("edge1", {"brain1"}) > 40);
  CHECK(numbers("", {"brain1", "brain2"}) == 400);  // they wait for what is gone
  CHECK(numbers("", {"edge1"}) < 300);
  // A model beside the gateway that asks is one of all: who asks decides for sources alone.
  p.actors[2].host = "edge1";
  CHECK(numbers("edge1", {}) == halves[0]);
  p.actors[0].removed = p.actors[1].removed = true;
  CHECK(numbers("", {}) == 400);
}
