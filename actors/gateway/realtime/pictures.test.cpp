#include "actors/gateway/realtime/machine.hpp"
#include "actors/gateway/talk.test.hpp"

using namespace hocket::gateway;
using namespace hocket::gateway::testing;

namespace {

realtime::settings that_sees(bool sees) {
  realtime::settings out;
  out.sees = sees;
  return out;
}

struct viewer {
  explicit viewer(bool sees = true) : machine(that_sees(sees)) {}
  void show(const std::string& url, const char* type = "message") {
    const json parts = json::array({json{{"type", "input_text"}, {"text", "what is it?"}},
                                    json{{"type", "input_image"}, {"image_url", url}}});
    t.client(
        json{{"type", "conversation.item.create"},
             {"event_id", "e1"},
             {"item", {{"type", type}, {"call_id", "c"}, {"role", "user"}, {"content", parts}}}});
  }
  realtime::machine machine;
  talk t{machine, schema_of("realtime")};
};

const std::string as_url = std::string("data:image/png;base64,") + small_picture;

}  // namespace

TEST_CASE("an item with a picture is words and a picture, and its echo does not hold the bytes") {
  viewer v;
  v.show(as_url);
  CHECK(v.t.actions_of<see_picture>().size() == 1);
  v.t.client(json{{"type", "response.create"}});
  CHECK(v.t.actions_of<hear_text>().size() == 1);
  CHECK(v.t.last("conversation.item.added")["item"]["content"][1]["image_url"] ==
        "data:image/png;base64");
  v.show(as_url, "function_call_output");  // whose content is nobody's
  CHECK(v.t.actions_of<see_picture>().size() == 1);
}

TEST_CASE("a picture that is not taken is an error that names it, and no item") {
  viewer v;
  const auto refused = [&](const char* message) {
    const auto error = v.t.last("error")["error"];
    CHECK(text_of(error, "message").find(message) != std::string::npos);
    CHECK(error["param"] == "item.content[1].image_url");
    CHECK(v.t.last("conversation.item.added").is_null());
    CHECK(v.t.actions().size() <= 2);  // of the begin: instructions and functions
  };
  SUBCASE("elsewhere") {
    v.show("https://example.org/cat.png");
    refused("nothing is fetched");
  }
  SUBCASE("no base64") {
    v.show("data:image/png,abc");
    refused("JPEG or PNG");
  }
  SUBCASE("nothing behind its type") {
    v.show("data:image/png;base64");
    refused("JPEG or PNG");
    v.show("data:image/png;base64,");
    refused("JPEG or PNG");
    v.show("data:image/");
    refused("JPEG or PNG");
  }
  SUBCASE("another format") {
    v.show("data:image/webp;base64,UklGRg==");
    refused("JPEG or PNG");
  }
  SUBCASE("too many bytes") {
    v.show("data:image/png;base64," + std::string(3 << 20, 'A'));
    refused("2048 KiB");
  }
  SUBCASE("too many pixels") {
    auto bytes = *decode_base64(small_picture);
    bytes[16] = 1;  // of the width
    v.show("data:image/png;base64," + encode_base64(bytes));
    refused("pixels");
  }
}

TEST_CASE("a graph that looks at nothing says so; so does a response whose input has a picture") {
  viewer blind(false);
  blind.show(as_url);
  CHECK(text_of(blind.t.last("error")["error"], "message").find("looks at pictures") !=
        std::string::npos);
  viewer v;
  const json item = {
      {"type", "message"},
      {"role", "user"},
      {"content", json::array({json{{"type", "input_image"}, {"image_url", as_url}}})}};
  v.t.client(json{{"type", "response.create"}, {"response", {{"input", json::array({item})}}}});
  CHECK(v.t.last("error")["error"]["param"] == "response.input");
  CHECK(v.t.last("response.created").is_null());
}

TEST_CASE("a picture that decodes to nothing is an error, later") {
  viewer v;
  v.show(as_url);
  v.t.graph(unseen_picture{"the PNG cannot be decoded"});
  CHECK(v.t.last("error")["error"]["message"] == "the PNG cannot be decoded");
}
