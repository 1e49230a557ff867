#include "actors/background/client_functions.hpp"

#include <chrono>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graph/text/clean.hpp"

namespace hocket::background {
namespace {

using json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t most_bytes = 512 * 1024;
constexpr std::int32_t longest_call_ms = 60'000;  ///< the request's own limit is shorter as a rule

std::string text_of(const json& in, const char* key) {
  const auto it = in.find(key);
  return it != in.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

result<std::vector<tool_info>> client_functions::read(std::string_view offered) {
  const auto wrong = [](std::string why) { return fail("client.bad_functions", std::move(why)); };
  if (offered.size() > most_bytes) return wrong("the list is larger than 512 KiB");
  const auto list = json::parse(offered, nullptr, false);
  if (!list.is_array()) return wrong("functions are a JSON list");
  if (list.size() > most_functions)
    return wrong(fmt::format("at most {} functions are taken", most_functions));
  std::vector<tool_info> out;
  std::set<std::string> names;
  for (const auto& f : list) {
    const auto name = f.is_object() ? text_of(f, "name") : "";
    if (name.empty()) return wrong("each function has a name");
    if (!names.insert(name).second)
      return wrong("two functions are called " + cut_text(clean_text(name), 128));
    const auto schema = f.find("parameters");
    tool_info info{name, text_of(f, "description"),
                   schema != f.end() && schema->is_object()
                       ? schema->dump(-1, ' ', false, json::error_handler_t::replace)
                       : R"({"type":"object","properties":{}})"};
    info.policy.time_limit_ms = longest_call_ms;
    out.push_back(std::move(info));
  }
  return out;
}

void client_functions::expect(std::uint64_t call) {
  const std::lock_guard lock(mutex_);
  calls_.try_emplace(call);
}

void client_functions::forget(std::uint64_t call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

bool client_functions::answer(std::uint64_t call, result<std::string> with) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(call);
  if (found == calls_.end() || found->second) return false;
  found->second = std::move(with);
  came_.notify_all();
  return true;
}

result<std::string> client_functions::wait(std::uint64_t call, const std::atomic<bool>& unwanted) {
  std::unique_lock lock(mutex_);
  calls_.try_emplace(call);
  // `unwanted` is set without our lock: looked at often enough that a thread does not stay behind.
  while (!unwanted && !calls_[call]) came_.wait_for(lock, 50ms);
  auto said = std::move(calls_[call]);
  calls_.erase(call);
  if (!said) return fail("client.unwanted", "nobody wants the answer any more");
  return std::move(*said);
}

}  // namespace hocket::background
