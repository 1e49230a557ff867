#include <doctest/doctest.h>

#include <algorithm>

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
