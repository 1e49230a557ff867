#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/governance/records.hpp"
#include "actors/http/digest.hpp"

namespace hocket::trainer::test {

/// A folder with an adapter `calls` of `model.bin`, and a run's output folder with a ledger, `book.db`.
struct governed_adapter {
  std::filesystem::path at;
  explicit governed_adapter(const std::string& name)
      : at(std::filesystem::temp_directory_path() /
           ("hocket-" + name + "-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(at);
    std::filesystem::create_directories(at / "calls");
    std::filesystem::create_directories(at / "out");
    put("model.bin", "the model");
    put("calls/adapter_config.json", R"({"r": 4})");
    put("calls/adapter_model.safetensors", "weights");
    card_of("the model");
  }
  ~governed_adapter() { std::filesystem::remove_all(at); }

  void put(const std::string& name, const std::string& text) const {
    std::ofstream(at / name) << text;
  }
  std::string operator/(const std::string& name) const { return (at / name).string(); }
  /// The card beside the weights: made on a model of these bytes.
  nlohmann::json card_of(const std::string& model) const {
    governance::card_facts f;
    f.name = "calls", f.base_model = "tiny", f.base_sha256 = http::sha256_hex(model);
    f.weights_sha256 = http::sha256_hex("weights"), f.adapter_config = R"({"r": 4})";
    auto card = governance::make_card(f);
    put("calls/card.json", card.dump());
    return card;
  }
  governance::records book() const {
    auto r = governance::records::open(*this / "out/book.db");
    REQUIRE_MESSAGE(r, (r ? "" : r.error().message));
    return std::move(*r);
  }
  std::size_t entries(const std::string& kind) const { return book().book().list(kind)->size(); }
};

/// What a thread or the clock of the wall brings about.
template <class Condition>
void becomes(Condition is) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!is()) {
    REQUIRE(std::chrono::steady_clock::now() < until);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace hocket::trainer::test
