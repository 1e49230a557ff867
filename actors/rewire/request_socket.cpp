#include "actors/rewire/request_socket.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"

namespace hocket::rewire {
namespace {

using json = nlohmann::json;

std::string error_line(const std::string& why) { return json{{"error", why}}.dump(); }

}  // namespace

std::string request_socket::answer(const std::string& line) {
  constexpr std::string_view ask = "rewire ", look_for = "rewired ";
  if (line.starts_with(look_for)) return outcome_of_ticket(line.substr(look_for.size()));
  if (line.starts_with(ask)) return begin(line.substr(ask.size()));
  return "";
}

std::string request_socket::begin(const std::string& text) {
  auto request = read_request(text);
  if (!request) return error_line("a rewire needs `file` and `text`");
  std::lock_guard lock(mutex_);
  if (closed_) return error_line("the run is ending");
  // Outcomes that were never fetched do not pile up.
  constexpr std::size_t kept_max = 16;
  while (jobs_.size() >= kept_max && jobs_.begin()->second.done) {
    jobs_.begin()->second.thread.join();
    jobs_.erase(jobs_.begin());
  }
  if (jobs_.size() >= kept_max) return error_line("too many rewires are under way");
  const auto ticket = ++last_;
  jobs_[ticket].thread = std::thread([this, ticket, r = std::move(*request)] {
    auto out = run_(r);
    std::lock_guard done(mutex_);
    jobs_[ticket].done = std::move(out);
  });
  return json{{"ticket", ticket}}.dump();
}

std::string request_socket::outcome_of_ticket(const std::string& text) {
  std::uint64_t ticket = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), ticket);
  if (failed != std::errc() || end != text.data() + text.size())
    return error_line("`rewired` takes a ticket");
  std::lock_guard lock(mutex_);
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end()) return error_line("no such ticket");
  return it->second.done ? to_json(*it->second.done) : json{{"state", "running"}}.dump();
}

void request_socket::close() {
  std::map<std::uint64_t, std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [ticket, j] : jobs_)
      if (j.thread.joinable()) threads[ticket] = std::move(j.thread);
  }
  for (auto& [ticket, t] : threads) t.join();
}

}  // namespace hocket::rewire
