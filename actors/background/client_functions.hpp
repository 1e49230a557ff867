#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/contract/tool.hpp"

namespace hocket::background {

/// Functions of the app that somebody talks through, as tools: a call goes out as a packet
/// (`tool_calls`), and what the app returned comes back as one (`answers`). Each call takes one answer.
///
/// Threads: any; `wait` on the thread that works on the call.
class client_functions {
 public:
  /// Before the names of such tools: "client.clock".
  static constexpr std::string_view prefix = "client.";
  static constexpr std::size_t most_functions = 128;

  /// A JSON list of {name, description, parameters}, as apps send it. Errors: client.bad_functions.
  static result<std::vector<tool_info>> read(std::string_view offered);
  static bool is_one(std::string_view tool) { return tool.starts_with(prefix); }

  /// This call has gone out: an answer to it is taken.
  void expect(std::uint64_t call);
  /// It is over, whether somebody waited for an answer or not.
  void forget(std::uint64_t call);
  /// False where no call waits for it: never made, answered already, or given up.
  bool answer(std::uint64_t call, result<std::string> with);
  /// Until the answer is there, or nobody wants it any more (client.unwanted).
  result<std::string> wait(std::uint64_t call, const std::atomic<bool>& unwanted);

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::map<std::uint64_t, std::optional<result<std::string>>> calls_;
};

}  // namespace hocket::background
