#include "actors/gateway/contained.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace hocket::gateway;

namespace {

/// Says each message back, and throws at "fault", half-way through an answer.
struct faulty final : protocol {
  void begin(std::int64_t, output& out) override { out.messages.push_back("hello"); }
  void receive(std::string_view message, std::int64_t, output& out) override {
    out.messages.emplace_back(message);
    if (message == "fault") throw std::out_of_range("substr");
  }
  void on_graph(const graph_event&, std::int64_t, output& out) override {
    out.messages.push_back("graph");
  }
  void advance(std::int64_t, output& out) override { out.messages.push_back("tick"); }
  void end(std::string_view, std::int64_t, output& out) override { out.messages.push_back("bye"); }
  std::string resume_key() const override { return "key"; }
};

}  // namespace

TEST_CASE("a machine that throws costs its own client the conversation, told once") {
  std::vector<std::string> told;
  contained c(std::make_unique<faulty>(), [&](const std::string& what) { told.push_back(what); });
  output out;
  out.messages.push_back("before");
  c.begin(0, out);
  c.receive("a", 1, out);
  CHECK(out.messages == std::vector<std::string>{"before", "hello", "a"});
  CHECK(c.resume_key() == "key");

  c.receive("fault", 2, out);
  CHECK(out.messages.size() == 3);  // no half answer
  REQUIRE(out.actions.size() == 1);
  const auto* over = std::get_if<hang_up>(&out.actions[0]);
  REQUIRE(over != nullptr);
  CHECK(over->code == 1011);
  CHECK(over->reason.find("substr") == std::string::npos);
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("out_of_range") != std::string::npos);

  c.receive("b", 3, out);
  c.advance(4, out);
  c.end("over", 5, out);
  c.resume("b", {}, 6, out);
  c.break_off("b", 1011, 7, out);
  c.let_go("b", 8, out);
  CHECK(out.messages.size() == 3);
  CHECK(out.actions.size() == 1);
  CHECK(c.resume_key().empty());
}
