#include "graph/trust/audit.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "graph/trust/policy.hpp"
#include "graph/trust/secret.hpp"

using namespace hocket::trust;

namespace {

struct scratch {
  std::string path = (std::filesystem::temp_directory_path() / "hocket-audit-XXXXXX").string();
  scratch() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~scratch() { std::filesystem::remove_all(path); }
  std::vector<std::string> lines() const {
    std::ifstream in(path + "/refusals.jsonl");
    std::vector<std::string> out;
    for (std::string l; std::getline(in, l);) out.push_back(l);
    return out;
  }
};

}  // namespace

TEST_CASE("refusals are noted, privately, and an orderly run leaves no file") {
  const scratch in;
  { const audit none(in.path); }
  CHECK(in.lines().empty());
  forget_secrets();
  note_secret("TOKEN", "canary-value-12");
  {
    const audit here(in.path);
    CHECK(!may_read(default_policy(level::recorded), "/etc/passwd"));
    note_refusal({"host gpu", "stop the run", "g \"q\"\n\x1b[31m canary-value-12", "no role"});
  }
  forget_secrets();
  const auto lines = in.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("\"verb\":\"read\",\"what\":\"/etc/passwd\"") != std::string::npos);
  CHECK(lines[1].find("\"who\":\"host gpu\"") != std::string::npos);
  CHECK(lines[1].find("\\u000a\\u001b[31m ${env:TOKEN}") != std::string::npos);
  struct stat info {};
  REQUIRE(::stat((in.path + "/refusals.jsonl").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("whoever floods fills neither the disk nor the memory") {
  const scratch in;
  {
    const audit here(in.path);
    std::vector<std::thread> all;
    for (int t = 0; t < 4; ++t)
      all.emplace_back([t] {
        for (int i = 0; i < 5000; ++i) {
          note_refusal({"one", "ask", std::string(10'000, 'x')});
          note_refusal({"who " + std::to_string(t * 5000 + i), "ask", ""});
        }
      });
    for (auto& t : all) t.join();
  }
  const auto lines = in.lines();
  CHECK(lines.size() == 100 + 63 + 1 + 1);
  CHECK(std::filesystem::file_size(in.path + "/refusals.jsonl") < 100'000);
  CHECK(lines.back().find("\"who\":\"others\",\"more\":19937") != std::string::npos);
}
