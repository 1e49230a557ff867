#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "actors/rewire/rewire_plans.test.hpp"
#include "graph/trust/files.hpp"

using namespace hocket;
using namespace hocket::host;
using namespace hocket::distributed;
using namespace hocket::rewire;
using namespace hocket::testing;

TEST_CASE(
    "files of actors that open on trial: a change that is rolled back leaves what was there") {
  for (const bool virtual_time : {true, false})
    for (const bool fails : {true, false}) {
      CAPTURE(virtual_time);
      CAPTURE(fails);
      auto name = (std::filesystem::temp_directory_path() / "hocket-rewire-XXXXXX").string();
      const std::filesystem::path folder = mkdtemp(name.data());
      const auto text = [&](const char* file) {
        std::ostringstream out;
        out << std::ifstream(folder / file).rdbuf();
        return out.str();
      };
      std::ofstream(folder / "old") << "yesterday";
      auto book = std::make_shared<notebook>();
      rewire_stage s(virtual_time);
      // Long enough, in both times, that the run is there when it is asked to change.
      s.g.add("src", 0, 1, s.paced(counter_source(virtual_time ? 60 : 400), {100}));
      s.g.source("src", 5);
      s.add_valued("mid", 1, 1, [folder, fails](std::int64_t value) {
        auto c = stamper(value);
        if (value == 2)
          c->on_open = [=](const context&) -> result<void> {
            for (const char* file : {"old", "fresh"})
              HOCKET_TRY(trust::create_file((folder / file).string()).value().write("today"));
            return fails ? result<void>(fail("test.no_model", "no model")) : result<void>();
          };
        return c;
      });
      s.g.add("end", 1, 0, listener(book));
      s.g.link("src", 0, "mid", 0, {.size = 8});
      s.g.link("mid", 0, "end", 0, {.size = 8});
      s.start();
      s.offer("next", [&](plan& p) { s.set_value(p, "mid", 2); });
      CHECK((s.rewire("next").state == rewire_state::rolled_back) == fails);
      CHECK(text("old") == (fails ? "yesterday" : "today"));
      CHECK(text("fresh") == (fails ? "" : "today"));
      const auto files = std::distance(std::filesystem::directory_iterator(folder), {});
      CHECK(files == (fails ? 1 : 2));
      s.wait();
      std::filesystem::remove_all(folder);
    }
}
