#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

namespace hocket::trainer {

/// A call that a request needs, and what the tool says to it.
struct wanted_call {
  std::string tool;
  nlohmann::json arguments;
  std::string result = "done";
};

/// A request with what it needs: nothing where it is talk, or cannot be done.
struct labelled_request {
  std::string kind, task, transcript;
  std::vector<wanted_call> calls;
  std::string answer = "done";
};

/// A file with one JSON object a line: {"kind", "task", "transcript", "calls": [{"tool", "arguments",
/// "result"}], "answer"}. *Errors*: train.labels, naming file, line and key.
result<std::vector<labelled_request>> read_labelled(const std::string& path);
nlohmann::json to_json(const labelled_request& r);

/// Whether two arguments say the same: numbers by value, also in quotes; texts without case, blanks
/// ("7 * 8" and "7*8"), quotes, an article in front and dots at their end.
bool same_argument(const nlohmann::json& a, const nlohmann::json& b);
bool same_arguments(const nlohmann::json& a, const nlohmann::json& b);

/// A call that was made.
struct made_call {
  std::string tool, arguments_json;
};

/// How requests were worked on.
struct talk_score {
  std::int64_t cases = 0, expected = 0, made = 0;
  std::int64_t right_tool = 0;  ///< calls of a tool that the request needs, each need once
  std::int64_t exact = 0;       ///< of these: with the arguments that it needs
  std::int64_t wrong = 0;       ///< calls that the request does not need
  std::int64_t passed = 0;      ///< requests with all that they need, and nothing else

  /// Adds a request; whether it passed. `failed`: it ended in an error.
  bool add(const labelled_request& wanted, std::span<const made_call> made, bool failed);
  double f1() const;
  double pass() const;
  double exact_share() const;  ///< of the calls that are needed
  nlohmann::json json() const;
};

}  // namespace hocket::trainer
