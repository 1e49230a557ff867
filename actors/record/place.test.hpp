#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace hocket::testing {

/// A folder of one test, gone with it.
struct place {
  std::string folder;
  place() {
    auto name = (std::filesystem::temp_directory_path() / "hocket-record-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  ~place() { std::filesystem::remove_all(folder); }
  std::string at(const std::string& name) const { return folder + "/" + name; }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
  }
};

}  // namespace hocket::testing
