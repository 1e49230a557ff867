#include <doctest/doctest.h>

#include <algorithm>

#include "tools/hocket/graphs/project_template.hpp"
#include "tools/hocket/graphs/python_template.hpp"
#include "tools/hocket/graphs/templates.hpp"

using namespace hocket::cli;

TEST_CASE("new plugins carry their name and stay under 40 lines of code") {
  for (const char* kind : {"tool", "component"})
    for (const bool outside : {false, true})
      for (const auto& f : plugin_template(kind, "a.b", "a_b", outside)) {
        CHECK(f.text.find('@') == std::string::npos);
        if (f.name == "a_b.cpp" && std::string(kind) == "tool")
          CHECK(std::count(f.text.begin(), f.text.end(), '\n') < 40);
      }
}

TEST_CASE("a new project has a plugin, a graph, tests and CI, and leaves no mark open") {
  for (const bool python : {false, true}) {
    const auto files = project_template("a_b", python);
    for (const char* name : {"README.md", "a_b.yaml", "tests/test_graph.py", "check", ".gitignore",
                             ".github/workflows/ci.yml", python ? "a_b.py" : "a_b.cpp",
                             python ? "test_a_b.py" : "a_b.test.cpp"})
      CHECK(std::count_if(files.begin(), files.end(),
                          [&](const auto& f) { return f.name == name; }) == 1);
    for (const auto& f : files)
      for (const char* mark : {"@word@", "@type@", "@plugin@", "@check@", "@expect@", "@files@",
                               "@what@", "@actor@", "@Class@", "@kind@"})
        CHECK(f.text.find(mark) == std::string::npos);
  }
}

TEST_CASE("a new project keeps the packages that its CI takes, and its CI says if there are none") {
  for (const bool python : {false, true})
    for (const auto& f : project_template("a_b", python)) {
      if (f.name == ".gitignore") CHECK(f.text.find("packages") == std::string::npos);
      if (f.name == ".github/workflows/ci.yml")
        CHECK(f.text.find("error: no package of Hocket") != std::string::npos);
    }
}

TEST_CASE("no module takes the place of one of Python's") {
  for (const char* name : {"class", "hocket", "numpy", "unittest", "typing", "json", "random",
                           "types", "os", "tomllib", "zoneinfo", "abc", "test"})
    CHECK(is_taken_in_python(name));
  for (const char* name : {"chime", "dice", "json_reader", "weather", "jso"})
    CHECK_FALSE(is_taken_in_python(name));
}
