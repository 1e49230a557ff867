#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tools/hocket/doctor.hpp"
#include "tools/hocket/measures.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/templates.hpp"
#include "tools/hocket/terminal.hpp"

using namespace hocket::cli;

TEST_CASE("measures tell whether a target is met") {
  measures m;
  m.add("hop.p50_us", 3, "us", 100, 5, goal::at_most);
  m.add("recall", 0.8, "", 200, 0.85, goal::at_least);
  m.add("rss", 1, "MiB");
  CHECK(m.items()[0].met() == true);
  CHECK(m.items()[1].met() == false);
  CHECK_FALSE(m.items()[2].met().has_value());
  CHECK_FALSE(m.all_met());
  const auto all = nlohmann::json::parse(m.to_json());
  CHECK(all.at("measures").size() == 3);
  CHECK(all.at("measures")[0].at("met") == true);
  CHECK(all.at("measures")[2].at("target").is_null());
  CHECK(all.at("machine").contains("cpu"));
  CHECK_FALSE(all.at("revision").get<std::string>().empty());
  CHECK(m.to_table().find("NO") != std::string::npos);
}

TEST_CASE("text fits its columns whatever its bytes") {
  CHECK(fit("ab", 4) == "ab  ");
  CHECK(fit("ab", 4, true) == "  ab");
  CHECK(fit("grüße", 5) == "grüße");
  CHECK(fit("grüße", 4) == "grü…");
  CHECK(display_width("\033[1;34mab\033[0m") == 2);
  CHECK(bar(0.5, 4) == "██  ");
  CHECK(bar_leftward(0.25, 4) == "   █");
  CHECK(display_width(bar(0.37, 9)) == 9);
  CHECK(decibels(0.1) == "-20 dB");
}

TEST_CASE("doctor finds a torn weight file") {
  const auto path = (std::filesystem::temp_directory_path() / "hocket_doctor.safetensors").string();
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  auto write = [&](const std::string& body) {
    std::ofstream out(path, std::ios::binary);
    const std::uint64_t n = header.size();
    out.write(reinterpret_cast<const char*>(&n), 8);
    out << header << body;
  };
  write(std::string(8, 'x'));
  CHECK(safetensors_fault(path) == "");
  write(std::string(5, 'x'));
  CHECK(safetensors_fault(path).find("its header speaks of") != std::string::npos);
  std::ofstream(path) << "short";
  CHECK(safetensors_fault(path) == "cannot be read");
  std::filesystem::remove(path);
  CHECK(safetensors_fault(path) == "cannot be read");
}

TEST_CASE("a program runs without a shell and gets its input") {
  const auto out = run_process({"cat"}, std::string(200'000, 'a'));
  REQUIRE(out);
  CHECK(out->exit_code == 0);
  CHECK(out->out.size() == 200'000);
  CHECK(run_process({"no-such-program"}).error().code == "process.not_found");
}

TEST_CASE("new plugins carry their name and stay under 40 lines of code") {
  for (const char* kind : {"tool", "component"})
    for (const bool outside : {false, true})
      for (const auto& f : plugin_template(kind, "a.b", "a_b", outside)) {
        CHECK(f.text.find('@') == std::string::npos);
        if (f.name == "a_b.cpp" && std::string(kind) == "tool")
          CHECK(std::count(f.text.begin(), f.text.end(), '\n') < 40);
      }
}
