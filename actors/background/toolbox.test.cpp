// Tools by source: what there is, what is missing, what changes while it runs.
#include "actors/background/toolbox.hpp"

#include <doctest/doctest.h>

#include "actors/background/scripted.test.hpp"

using namespace hocket;
using namespace hocket::background;
using namespace hocket::background::test;

namespace {

/// What a test does to the sources that it made.
struct shelf {
  std::mutex mutex;
  std::vector<std::string> has = {"read", "write"};
  std::string open_error;
  std::function<void()> changed;
  int opened = 0, closed = 0;
  std::string prefix;
};

struct shelf_source final : tool_source {
  struct config {
    std::string prefix = "";
    void visit(config_visitor& v) { v.field({.name = "prefix", .doc = "of answers"}, prefix); }
  };
  std::shared_ptr<shelf> on;
  std::string prefix;
  result<void> open(const tool_source_context& where) override {
    const std::lock_guard lock(on->mutex);
    if (!on->open_error.empty()) return fail("shelf.broken", on->open_error);
    on->changed = where.changed;
    ++on->opened;
    return {};
  }
  result<std::vector<tool_info>> list() override {
    const std::lock_guard lock(on->mutex);
    std::vector<tool_info> all;
    for (const auto& name : on->has) all.push_back({name, "\x1b[1mBold.", "{}"});
    return all;
  }
  result<std::string> call(const std::string& name, const std::string&,
                           const tool_context&) override {
    return prefix + name;
  }
  void close() override { ++on->closed; }
};

registry with_shelf(const std::shared_ptr<shelf>& on) {
  auto types = tools_with(scripted_tool([](auto&, auto&) { return std::string("plugin"); }));
  REQUIRE(types.add(tool_source_type{
      {"shelf", "for tests", [] { return std::make_unique<config_holder<shelf_source>>(); }},
      {},
      [on](config_base& c) -> std::unique_ptr<tool_source> {
        auto s = std::make_unique<shelf_source>();
        s->on = on;
        s->prefix = static_cast<config_holder<shelf_source>&>(c).values.prefix;
        return s;
      }}));
  for (const char* tool : {"files.read", "shelf.read", "files.erase"})
    REQUIRE(types.add(tool_words{tool, [name = std::string(tool)](std::string_view task) {
                                   return task == "use " + name ? "{}" : "";
                                 }}));
  return types;
}

value tools(std::vector<std::string> names) {
  value::list all;
  for (auto& n : names) all.emplace_back(std::move(n));
  return value(std::move(all));
}

std::vector<std::string> names_of(const toolbox& box) {
  std::vector<std::string> out;
  for (const auto& t : box.now()->infos) out.push_back(t.name);
  return out;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("tools are named by source, one by one or all, in the graph's order and once") {
  auto on = std::make_shared<shelf>();
  const auto types = with_shelf(on);
  context where;
  where.types = &types;
  const named_parts files = {{"files", {.use = "shelf"}}};
  const auto chosen = [&](const names& wanted) {
    toolbox box;
    REQUIRE(box.open(wanted, files, where, [] {}));
    return names_of(box);
  };
  CHECK(chosen({"files.write", "scripted"}) == names{"files.write", "scripted"});
  CHECK(chosen({"files.*"}) == names{"files.read", "files.write"});
  CHECK(chosen({"files.write", "files.*", "*"}) == names{"files.write", "files.read", "scripted"});
  CHECK(chosen({"shelf.read"}) == names{"shelf.read"});  // by its type, with defaults
  CHECK(chosen({}).empty());
  CHECK(on->opened == 4);
  CHECK(on->closed == 4);
}

TEST_CASE("what is missing is found at open, and what is there is said") {
  auto on = std::make_shared<shelf>();
  const auto types = with_shelf(on);
  const auto open = [&](const names& wanted) {
    harness h(type_of<agent>(),
              {.config = settings(
                   {{"tools", tools(wanted)}, {"tool_sources", settings({{"files", "shelf"}})}}),
               .types = &types});
    const auto done = h.open();
    return done ? std::string() : done.error().code + ": " + done.error().message;
  };
  CHECK(open({"files.red"}) ==
        "background.no_such_tool: source `files` (shelf) has no tool `files.red`; there are: "
        "files.read, files.write");
  CHECK(open({"clock"}) ==
        "background.no_such_tool: the registry has no tool `clock`; there are: scripted");
  CHECK(open({"disk.*"}) ==
        "background.no_such_source: no tool source is called `disk`; registered: shelf");
  on->has.clear();
  CHECK(open({"files.*"}) == "");  // there may be some later
  CHECK(open({"files.read"}).ends_with("there are: none"));
  on->open_error = "no \x1b[2Jserver";
  CHECK(open({"files.*"}) ==
        "background.source_failed: tool source `files` (shelf): no server [shelf.broken]");
  CHECK(on->opened == on->closed);
}

TEST_CASE("names and texts of a source come from outside") {
  auto on = std::make_shared<shelf>();
  on->has = {"good",  "",      "a b",  std::string(200, 'x'),
             "tab\t", "star*", "\xFF", "with.dot/and-dash"};
  const auto types = with_shelf(on);
  std::vector<std::string> lines;
  context where;
  where.types = &types;
  where.log = [&](std::string_view line) { lines.emplace_back(line); };
  toolbox box;
  REQUIRE(box.open({"files.*"}, {{"files", {.use = "shelf"}}}, where, [] {}));
  CHECK(names_of(box) == names{"files.good", "files.with.dot/and-dash"});
  CHECK(box.now()->infos[0].summary == "Bold.");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("6 tool(s) are left out") != lines[0].npos);
}

TEST_CASE("an agent asks tools of sources, and follows what they have") {
  auto on = std::make_shared<shelf>();
  const auto types = with_shelf(on);
  harness h(type_of<agent>(),
            {.config = settings(
                 {{"min_delay_ms", 0},
                  {"tools", tools({"scripted", "files.*"})},
                  {"tool_sources",
                   settings({{"files", settings({{"use", "shelf"}, {"prefix", "did "}})}})}}),
             .types = &types});
  REQUIRE(h.open());
  std::uint64_t id = 0;
  const auto ask = [&](const std::string& task) {
    const auto before = said(h).size();
    REQUIRE(h.push("requests", h.now(), request(++id, task)));
    REQUIRE(h.advance(std::chrono::milliseconds(400)));
    return said(h).substr(before);
  };
  CHECK(ask("use files.read") == "did read. ");
  CHECK(h.values<tool_call>("tool_calls").at(0).tool == "files.read");
  CHECK(ask("do it") == "plugin. ");
  CHECK(ask("use files.erase") == "no result. ");
  {
    const std::lock_guard lock(on->mutex);
    on->has = {"erase"};
  }
  on->changed();
  REQUIRE(h.run_posted(std::chrono::seconds(120)));
  CHECK(ask("use files.erase") == "did erase. ");
  CHECK(ask("use files.read") == "no result. ");
  names told;
  for (const auto& line : h.logs())
    if (line.starts_with("tool `")) told.push_back(line);
  CHECK(told == names{"tool `files.read` is gone", "tool `files.write` is gone",
                      "tool `files.erase` is new"});
  REQUIRE(h.close());
  CHECK(on->closed == 1);
  on->changed();  // after the end: nothing
}
