#include "actors/trainer/adapters/adapter_packet.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

namespace hocket::trainer {

TEST_CASE("an adapter's patterns come through its card in the order of the file") {
  namespace fs = std::filesystem;
  const auto folder = fs::temp_directory_path() / ("hocket-packet-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const auto put = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
  };
  put("adapter_config.json", R"({"r": 4, "rank_pattern": {"z.q": 1, "q": 2, "a.q": 3}})");
  put("adapter_model.safetensors", "weights");
  put("card.json", R"({"name": "one", "adapter_config": {"r": 8}})");
  const auto read = read_adapter_folder(folder.string());
  REQUIRE(read);
  CHECK(read->name == "one");
  CHECK(peft_config_of(*read) == R"({"r":4,"rank_pattern":{"z.q":1,"q":2,"a.q":3}})");
  fs::remove_all(folder);
}

TEST_CASE("a card that a peer made too deep for any stack is no card") {
  const std::string deep(1 << 20, '['), back(1 << 20, ']');
  for (const std::string key : {"adapter_config", "frozen"}) {
    const adapter a{"one", R"({")" + key + R"(": )" + deep + back + "}", {}};
    CHECK(peft_config_of(a).empty());
    CHECK(!is_frozen(a));
  }
  CHECK(is_frozen({"one", R"({"frozen": true})", {}}));
}

}  // namespace hocket::trainer
