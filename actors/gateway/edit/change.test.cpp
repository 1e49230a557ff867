#include "actors/gateway/edit/change.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "actors/gateway/edit/values.hpp"
#include "graph/spec/yaml.hpp"

using namespace hocket;
using namespace hocket::gateway::edit;

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<fs::path> all_graphs() {
  std::vector<fs::path> out;
  for (const auto& e : fs::recursive_directory_iterator(HOCKET_SOURCE_DIR "/configs/graphs"))
    if (e.path().extension() == ".yaml" && text_of(e.path()).find("\nactors:") != std::string::npos)
      out.push_back(e.path());
  std::ranges::sort(out);
  return out;
}

value parsed(const std::string& text) {
  diagnostics findings;
  auto root = spec::parse_yaml("t", text, findings);
  REQUIRE_MESSAGE((root && !findings.has_errors()), (text + findings.to_string()));
  return *root;
}

change set(std::vector<std::string> path, json to) {
  return {change::kind::set, std::move(path), std::move(to)};
}
change gone(std::vector<std::string> path) {
  return {change::kind::remove, std::move(path), nullptr};
}
change remove_actor(const std::string& name) {
  return {change::kind::remove_actor, {"actors", name}, nullptr};
}

std::string done(const std::string& text, const std::vector<change>& changes) {
  const auto out = changed(text, changes);
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message + "\n" + text));
  return *out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

/// Comments, each as often as it stands there. A `#` in quotes may count: the same in both texts.
std::multiset<std::string> comments_of(const std::string& text) {
  std::multiset<std::string> out;
  for (const auto& line : lines_of(text))
    if (const auto at = line.find("# "); at != line.npos && (at == 0 || line[at - 1] == ' '))
      out.insert(line.substr(at));
  return out;
}

/// Each scalar and each list of an actor, by its path.
void each_leaf(const value& v, std::vector<std::string>& path,
               const std::function<void(const std::vector<std::string>&, const value&)>& then) {
  if (const auto* map = v.get_if<value::map>()) {
    for (const auto& e : *map) {
      path.push_back(e.key);
      each_leaf(e.item, path, then);
      path.pop_back();
    }
  } else {
    then(path, v);
  }
}

}  // namespace

TEST_CASE("every graph of configs/: an actor that comes and goes leaves the file as it was") {
  for (const auto& file : all_graphs()) {
    CAPTURE(file.string());
    const auto text = text_of(file);
    const auto more =
        done(text, {set({"actors", "newcomer"},
                        {{"component", "audio.dmel"}, {"inputs", {{"audio", "mic.audio"}}}})});
    CHECK(comments_of(more) == comments_of(text));
    CHECK(lines_of(more).size() > lines_of(text).size());
    CHECK(parsed(more).find("actors")->get_if<value::map>()->back().key == "newcomer");
    CHECK(done(more, {remove_actor("newcomer")}) == text);
  }
}

TEST_CASE("every graph of configs/: each value that is given again says the same, comments stay") {
  std::size_t leaves = 0;
  for (const auto& file : all_graphs()) {
    CAPTURE(file.string());
    const auto text = text_of(file);
    const auto root = parsed(text);
    std::vector<std::string> path;
    each_leaf(root, path, [&](const auto& where, const value& v) {
      CAPTURE(fmt::format("{}", fmt::join(where, ".")));
      const bool is_block = v.get_if<value::list>() != nullptr;
      const auto again = done(text, {set(where, json_of(v))});
      CHECK(json_of(parsed(again)) == json_of(root));
      if (!is_block) CHECK(comments_of(again) == comments_of(text));
      // What has no quotes and no second line is not touched at all.
      if (v.get_if<bool>() || v.get_if<std::int64_t>()) CHECK(again == text);
      ++leaves;
    });
  }
  CHECK(leaves > 200);
}

TEST_CASE("every graph of configs/: a key and a link that come and go leave the file as it was") {
  for (const auto& file : all_graphs()) {
    const auto text = text_of(file);
    const auto root = parsed(text);
    for (const auto& actor : *root.find("actors")->get_if<value::map>()) {
      CAPTURE(file.string() + ": " + actor.key);
      const std::vector<std::string> key = {"actors", actor.key, "a_new_key"};
      const auto more = done(text, {set(key, "${param:x} # no comment")});
      CHECK(
          *parsed(more).find("actors")->find(actor.key)->find("a_new_key")->get_if<std::string>() ==
          "${param:x} # no comment");
      CHECK(done(more, {gone(key)}) == text);
      const bool has_inputs = actor.item.find("inputs") != nullptr;
      const std::vector<std::string> port = {"actors", actor.key, "inputs", "a_new_port"};
      const auto linked = done(text, {set(port, "other.output")});
      const auto back = has_inputs ? port : std::vector<std::string>{"actors", actor.key, "inputs"};
      CHECK(done(linked, {gone(back)}) == text);
    }
  }
}

TEST_CASE("every graph of configs/: who goes takes his lines and his links, nothing else") {
  for (const auto& file : all_graphs()) {
    const auto text = text_of(file);
    const auto root = parsed(text);
    for (const auto& actor : *root.find("actors")->get_if<value::map>()) {
      CAPTURE(file.string() + ": " + actor.key);
      const auto without = changed(text, std::vector{remove_actor(actor.key)});
      // Of an anchor that others refer to nothing can be taken.
      if (!without && without.error().code == "edit.cannot" && text.find(": &") != text.npos)
        continue;
      REQUIRE_MESSAGE(without, (without ? "" : without.error().message));
      const auto& less = *without;
      auto wanted = json_of(root);
      wanted["actors"].erase(actor.key);
      auto now = json_of(parsed(less));
      std::vector<std::string> names, left;
      for (const auto& [name, item] : wanted["actors"].items()) names.push_back(name);
      for (auto& [name, item] : now["actors"].items()) {
        left.push_back(name);
        CHECK(item.value("inputs", json::object()).dump().find("\"" + actor.key + ".") ==
              std::string::npos);
        item.erase("inputs");
        wanted["actors"][name].erase("inputs");
      }
      CHECK(names == left);
    }
  }
}

TEST_CASE("a change touches its own place alone, however the file is written") {
  struct {
    const char *before, *after;
    change what;
  } const cases[] = {
      // In lines: behind what is there, as its neighbours are aligned; comments stay.
      {"a:\n  one: 1 # of one\n  # of two\n  two: 2\n# the end\n",
       "a:\n  one: 1 # of one\n  # of two\n  two: 2\n  three: 3\n# the end\n",
       set({"a", "three"}, 3)},
      {"a:\n  x:   {b: 1}\n  yy:  {b: 2}\n", "a:\n  x:   {b: 1}\n  yy:  {b: 2}\n  z:   {b: 3}\n",
       set({"a", "z"}, {{"b", 3}})},
      {"a:\n  one: 1 # of one\n  two: 2", "a:\n  one: x # of one\n  two: 2",
       set({"a", "one"}, "x")},
      {"a:\n  one: 1\n  two: 2\n", "a:\n  two: 2\n", gone({"a", "one"})},
      {"a:\n  one:\n    - x\n    - y\n  two: 2\n", "a:\n  one: [z]\n  two: 2\n",
       set({"a", "one"}, {"z"})},
      {"a:\n  one:\n  - x\n  - y\n\n  two: 2\n", "a:\n\n  two: 2\n", gone({"a", "one"})},
      {"a:\n  one: |\n    # text\n    more\n  two: 2\n", "a:\n  one: less\n  two: 2\n",
       set({"a", "one"}, "less")},
      {"a:\n  one: many\n    words\n  two: 2\n", "a:\n  one: few\n  two: 2\n",
       set({"a", "one"}, "few")},
      {"a:\n  one:\n  two: 2\n", "a:\n  one: {b: 1}\n  two: 2\n", set({"a", "one", "b"}, 1)},
      {"a:\n  one: 1\n", "a: {}\n", gone({"a", "one"})},
      // In brackets.
      {"a: {one: 1, two: 2}\n", "a: {one: 1, two: 2, three: [x, \"y z\"]}\n",
       set({"a", "three"}, {"x", "y z"})},
      {"a: {one: 1, two: 2}\n", "a: {two: 2}\n", gone({"a", "one"})},
      {"a: {one: 1, two: 2}\n", "a: {one: 1}\n", gone({"a", "two"})},
      {"a: {one: 1}\n", "a: {}\n", gone({"a", "one"})},
      {"a: {}\n", "a: {one: {b: {c: true}}}\n", set({"a", "one", "b", "c"}, true)},
      {"a: {one: 1,   # of one\n    two: 2,   # of two\n    three: 3}\n",
       "a: {one: 1,   # of one\n    three: 3}\n", gone({"a", "two"})},
      {"a: {one: 1,   # of one\n    two: 2}\n", "a: {one: 1   # of one\n    }\n",
       gone({"a", "two"})},
      {"a: {one: 1,\n    # of two\n    two: 2}\n", "a: {\n    # of two\n    two: 2}\n",
       gone({"a", "one"})},
      {"a: {one: it's, two: \"}, x\"}\n", "a: {one: it's, two: 2.5}\n", set({"a", "two"}, 2.5)},
      {"ä: {ö: 1, two: 2} # ü\n", "ä: {ö: 1, two: 7} # ü\n", set({"ä", "two"}, 7)},
      {"a: {one: 1}\r\nb: 2\r\n", "a: {one: 1}\r\nb: 2\r\nc: 3\r\n", set({"c"}, 3)},
      // What reads as something else without quotes gets some.
      {"a: 1\n", "a: \"true\"\n", set({"a"}, "true")},
      {"a: 1\n", "a: \"010\"\n", set({"a"}, "010")},
      {"a: 1\n", "a: \"x: y # z\\n\"\n", set({"a"}, "x: y # z\n")},
      {"a: 1\n", "a: null\n", set({"a"}, nullptr)},
      {"a: 1\n", "a: \"${param:x}\"\n", set({"a"}, "${param:x}")},
  };
  for (const auto& c : cases) CHECK(done(c.before, {c.what}) == c.after);
}

TEST_CASE("links of who goes go with him: alone, in a list, as a map, of an included graph") {
  const std::string text =
      "actors:\n  mic: {component: a}\n  ears: {component: b, inputs: {x: mic.audio, y: "
      "[mic.audio, "
      "other.z]}}\n  model:\n    component: c\n    inputs:\n      audio: {from: mic.audio, "
      "back_edge: "
      "true} # loud\n      text: mic2.audio\n";
  CHECK(done(text, {remove_actor("mic")}) ==
        "actors:\n  ears: {component: b, inputs: {y: other.z}}\n  model:\n    component: c\n    "
        "inputs:\n"
        "      text: mic2.audio\n");
}

TEST_CASE("what cannot be changed without harm is refused, and says why") {
  const auto refused = [](const std::string& text, const change& c) {
    const auto out = changed(text, std::vector{c});
    REQUIRE_MESSAGE(!out, (out ? *out : ""));
    return out.error().code;
  };
  const std::string anchored = "a: &x {b: 1}\nc: *x\n";
  CHECK(refused(anchored, set({"c", "b"}, 2)) == "edit.cannot");
  CHECK(refused(anchored, gone({"a"})) == "edit.cannot");
  CHECK(refused("a: [1\n", set({"a"}, 2)) == "edit.bad_text");
  CHECK(refused("", set({"a"}, 2)) == "edit.bad_text");
  CHECK(refused("a: 1\n", set({"a", "b"}, 2)) == "edit.no_place");
  CHECK(refused("a: 1\n", gone({"b"})) == "edit.no_place");
  CHECK(refused("a: [1, 2]\n", set({"a", "1"}, 2)) == "edit.no_place");
  CHECK(refused("actors: {}\n", remove_actor("x")) == "edit.no_place");
}

TEST_CASE("requests for changes are read, wrong ones refused") {
  const auto good =
      read_change({{"op", "set"}, {"path", {"actors", "a"}}, {"value", {{"b", 1}, {"a", 2}}}});
  REQUIRE(good);
  CHECK(flow_text(good->to) == "{b: 1, a: 2}");
  CHECK(read_change({{"op", "remove_actor"}, {"actor", "a"}})->path.back() == "a");
  const json bad[] = {1,
                      {{"op", "set"}, {"path", {"a"}}},
                      {{"op", "set"}, {"path", json::array()}, {"value", 1}},
                      {{"op", "set"}, {"path", {1}}, {"value", 1}},
                      {{"op", "remove"}, {"path", "a"}},
                      {{"op", "remove_actor"}},
                      {{"op", "rename"}, {"path", {"a"}}},
                      {{"op", "set"}, {"path", {"a"}}, {"value", UINT64_MAX}}};
  for (const auto& j : bad) CHECK(!read_change(j));
  CHECK(read_json(std::string(60, '[') + std::string(60, ']')).is_discarded());
  CHECK(read_json(R"({"a": "[[[[", "b": [1]})").is_object());
}
