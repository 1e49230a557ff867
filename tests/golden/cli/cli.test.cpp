#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

// Every *.cmd beside this file is run; exit code, stdout and stderr must equal its *.expected.
namespace {

namespace fs = std::filesystem;
const fs::path folder = HOCKET_SOURCE_DIR "/tests/golden/cli";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string outcome_of(const fs::path& command) {
  // Not in $TMPDIR: a table is as wide as the path that it shows, so this one is always as long.
  const auto scratch = fs::path("/tmp") / fmt::format("hocket_cli_{:010}", getpid());
  fs::remove_all(scratch);
  fs::create_directories(scratch / "tmp");
  const auto line = fmt::format(
      "cd '{}' && export TMP='{}' PATH=\"{}:$PATH\" NO_COLOR=1 && ( . ./{} ) >'{}' 2>'{}' "
      "</dev/null",
      folder.string(), (scratch / "tmp").string(), HOCKET_BINARY_DIR, command.filename().string(),
      (scratch / "out").string(), (scratch / "err").string());
  const int status = std::system(line.c_str());
  auto text = fmt::format("exit {}\n--- stdout\n{}--- stderr\n{}", WEXITSTATUS(status),
                          read(scratch / "out"), read(scratch / "err"));
  const auto here = (scratch / "tmp").string();
  for (auto at = text.find(here); at != std::string::npos; at = text.find(here))
    text.replace(at, here.size(), "$TMP");
  fs::remove_all(scratch);
  return text;
}

}  // namespace

TEST_CASE("golden: what the command line prints") {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".cmd") cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  REQUIRE_FALSE(cases.empty());
  for (const auto& command : cases) {
    CAPTURE(command.filename().string());
    const auto got = outcome_of(command);
    auto expected = command;
    expected.replace_extension(".expected");
    if (std::getenv("HOCKET_GOLDEN_UPDATE") != nullptr) {
      std::ofstream(expected, std::ios::binary) << got;
    } else {
      CHECK(got == read(expected));
    }
  }
}
