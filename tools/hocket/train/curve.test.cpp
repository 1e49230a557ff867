// Rows of a run that goes on, and what its checkpoint remembers of the time.
#include "tools/hocket/train/curve.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tools/hocket/train/lora_checkpoint.hpp"

using namespace hocket;
using namespace hocket::cli;
namespace fs = std::filesystem;

namespace {

struct scratch {
  fs::path at = fs::temp_directory_path() / ("hocket_curve_" + std::to_string(::getpid()));
  scratch() {
    fs::remove_all(at);
    fs::create_directories(at);
  }
  ~scratch() { fs::remove_all(at); }
  void row(std::int64_t step, double seconds) const {
    train_progress p;
    p.step = step, p.seconds = seconds;
    REQUIRE(append_curve(at.string(), p));
  }
  /// Steps of the rows behind the head.
  std::vector<std::string> steps() const {
    std::ifstream in(at / "curve.csv");
    std::string line;
    std::vector<std::string> all;
    std::getline(in, line);
    if (in) CHECK(line.starts_with("step,seconds,"));
    while (std::getline(in, line)) all.push_back(line.substr(0, line.find(',')));
    return all;
  }
};

}  // namespace

TEST_CASE("curve: a run that goes on keeps the rows up to its checkpoint, one that begins none") {
  const scratch s;
  const auto cut = [&](std::int64_t step) { return cut_curve(s.at.string(), step); };
  using steps = std::vector<std::string>;
  CHECK(cut(0));  // nothing is there
  for (const int step : {10, 20, 30}) s.row(step, step);
  REQUIRE(cut(20));
  CHECK(s.steps() == steps{"10", "20"});
  s.row(30, 31);
  CHECK(s.steps() == steps{"10", "20", "30"});
  std::ofstream(s.at / "curve.csv", std::ios::app) << "3";  // of 36: cut short
  REQUIRE(cut(36));
  CHECK(s.steps() == steps{"10", "20", "30"});
  REQUIRE(cut(0));
  CHECK(!fs::exists(s.at / "curve.csv"));
  s.row(10, 1);
  CHECK(s.steps() == steps{"10"});
}

TEST_CASE("train: a checkpoint of an adapter remembers the seconds of its steps") {
  const scratch s;
  const auto out = trust::folder::open(s.at.string());
  REQUIRE(out);
  REQUIRE(write_checkpoint(*out, {{"{}", "weights"}, "moments", nlohmann::json::object(), 12.5}));
  const auto again = read_checkpoint(*out);
  REQUIRE(again);
  CHECK(again->seconds == 12.5);
  CHECK(again->moments == "moments");
}
