#include "actors/foxglove/machine.hpp"

#include <sstream>

#include <nlohmann/json.hpp>

#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: a line each for what a viewer says (`B…`: binary), or for a change of the graph (`V…`: the
// channel of its length goes, `A…`: it comes). Whatever is said, what leaves is the protocol's, and the
// books of subscriptions hold.
namespace hocket::fuzz {
namespace {

using namespace foxglove;

void check(const machine::output& out) {
  for (const auto& text : out.texts) {
    const auto j = nlohmann::json::parse(text, nullptr, false);
    HOCKET_ASSERT(j.is_object());
    HOCKET_ASSERT(j["op"] == "status" || j["op"] == "connectionGraphUpdate");
    HOCKET_ASSERT(text.size() < 4096);  // nothing that it sent comes back
  }
  HOCKET_ASSERT(out.close == 0 || out.close == 1008);
}

void run(std::span<const std::uint8_t> bytes) {
  machine m({.subscriptions = 8});
  std::vector<channel> channels;
  for (std::uint32_t id = 1; id <= 12; ++id) channels.push_back({id, "t", "json", "s", "", ""});
  m.appear(channels);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  std::int64_t now_ms = 0;
  for (std::string line; std::getline(lines, line); now_ms += 100) {
    machine::output out;
    const std::uint32_t id[] = {static_cast<std::uint32_t>(line.size())};
    if (line.starts_with("V")) {
      m.vanish(id);
      m.rewired({{line, {{"a"}, {"b"}}}}, out);
    } else if (line.starts_with("A")) {
      const channel one[] = {{id[0], "t", "json", "s", "", ""}};
      m.appear(one);
    } else {
      m.receive(machine::read(line, !line.starts_with("B")), now_ms, out);
    }
    check(out);
    HOCKET_ASSERT(m.subscriptions().size() <= 8);
    for (const auto& [channel, subscription] : m.subscriptions())
      HOCKET_ASSERT(m.subscription(channel) == subscription);
  }
}

std::vector<std::string> seeds() {
  return {
      R"({"op":"subscribe","subscriptions":[{"id":0,"channelId":3},{"id":1,"channelId":5}]})"
      "\n"
      R"({"op":"subscribeConnectionGraph"})"
      "\nVxx\nAxx\n"
      R"({"op":"subscribe","subscriptions":[{"id":0,"channelId":3}]})"
      "\n"
      R"({"op":"unsubscribe","subscriptionIds":[0,1]})"
      "\n"
      R"({"op":"unsubscribeConnectionGraph"})",
      R"({"op":"advertise","channels":[{"id":1,"topic":"foo","encoding":"protobuf","schemaName":"E"}]})"
      "\nB\1\1\1\1hello\n"
      R"({"op":"getParameters","parameterNames":["/a"],"id":"r"})"
      "\n"
      R"({"op":"fetchAsset","uri":"package://foo/robot.urdf","requestId":123})"};
}

}  // namespace

extern const target foxglove_viewer;
const target foxglove_viewer = {"foxglove_viewer", run, seeds};

}  // namespace hocket::fuzz
