// Orders in pictures: what a picture reaches in any graph, by the ports of all components.
#include <map>

#include "tools/safety/guarded.test.hpp"

namespace hocket::safety {
namespace {

bool is_words(payload_kind k) {
  return k == payload_kind::text || k == payload_kind::delegation || k == payload_kind::tool_call ||
         k == payload_kind::tool_result;
}

}  // namespace

// Whoever adds a component that reads words off pictures (OCR, a QR code, a model with eyes that writes) adds a way
// for orders in pictures: then they need cases of their own in configs/policies/cases, and a line here.
TEST_CASE("no component makes words of pictures: they end in patches, which one model looks at") {
  std::map<std::string, std::vector<std::string>> takes;
  for (const auto& name : types().component_names()) {
    const auto& info = types().find_component(name)->info;
    bool looks = false, writes = false;
    for (const auto& i : info.inputs) looks = looks || i.type.kind == payload_kind::video;
    for (const auto& o : info.outputs) writes = writes || is_words(o.type.kind);
    if (looks) takes[writes ? "writes" : "does not"].push_back(name);
  }
  CHECK_MESSAGE(takes["writes"].empty(), takes["writes"].front());
  CHECK(!takes["does not"].empty());
}

TEST_CASE("what tools return is words alone, and no planner is shown a picture") {
  // A tool's result has one text; a picture of a page or an MCP server is none.
  const tool_result r{1, 1, "web.fetch", outcome::ok, "words"};
  CHECK(r.content == "words");
  const auto* mind = types().find_component("background.agent");
  REQUIRE(mind != nullptr);
  for (const auto& i : mind->info.inputs) {
    CAPTURE(i.name);
    CHECK(i.type.kind != payload_kind::video);
    CHECK(i.type.kind != payload_kind::tensor);
  }
}

}  // namespace hocket::safety
