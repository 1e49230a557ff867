#include "actors/rewire/request_socket.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <nlohmann/json.hpp>

#include "actors/rewire/report.hpp"

namespace hocket::rewire {
namespace {

using json = nlohmann::json;

std::string error_line(const std::string& why) { return json{{"error", why}}.dump(); }

std::optional<std::uint64_t> ticket_of(const std::string& text) {
  std::uint64_t ticket = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), ticket);
  if (failed != std::errc() || end != text.data() + text.size()) return {};
  return ticket;
}

rewire_outcome cancelled_outcome() {
  rewire_outcome out;
  out.code = "rewire.cancelled";
  out.why = "it was cancelled before its time, or the run ended before it";
  return out;
}

}  // namespace

std::string request_socket::answer(const std::string& line) {
  constexpr std::string_view ask = "rewire ", look_for = "rewired ", undo = "rewire_cancel ";
  if (line == "rewires") return list();
  if (line.starts_with(undo)) return cancel(line.substr(undo.size()));
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
  auto& one = jobs_[ticket];
  one.file = request->graph.file;
  one.at = std::max(request->not_before, timestamp::of_ms(0));
  one.thread = std::thread([this, ticket, r = std::move(*request)] {
    auto out = wait_for_its_time(ticket, r) ? run_(r) : cancelled_outcome();
    std::lock_guard done(mutex_);
    jobs_[ticket].done = std::move(out);
  });
  return json{{"ticket", ticket}}.dump();
}

std::string request_socket::outcome_of_ticket(const std::string& text) {
  const auto ticket = ticket_of(text);
  if (!ticket) return error_line("`rewired` takes a ticket");
  std::lock_guard lock(mutex_);
  const auto it = jobs_.find(*ticket);
  if (it == jobs_.end()) return error_line("no such ticket");
  return it->second.done ? to_json(*it->second.done) : json{{"state", "running"}}.dump();
}

std::string request_socket::list() const {
  std::lock_guard lock(mutex_);
  json all = json::array();
  for (const auto& [ticket, j] : jobs_)
    if (!j.done)
      all.push_back({{"ticket", ticket},
                     {"file", j.file},
                     {"at_s", j.at.seconds()},
                     {"state", j.waits ? "waiting" : "running"}});
  return json{{"rewires", all}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string request_socket::cancel(const std::string& text) {
  const auto ticket = ticket_of(text);
  if (!ticket) return error_line("`rewire_cancel` takes a ticket");
  std::lock_guard lock(mutex_);
  const auto it = jobs_.find(*ticket);
  if (it == jobs_.end()) return error_line("no such ticket");
  if (it->second.done) return error_line("it is over already");
  if (!it->second.waits) return error_line("it is being prepared: it comes at its time");
  it->second.cancelled = true;
  changed_.notify_all();
  return json{{"cancelled", *ticket}}.dump();
}

bool request_socket::wait_for_its_time(std::uint64_t ticket, const rewire_request& request) {
  const auto lead = std::chrono::seconds(std::min(request.prepare_limit_s, longest_lead_s));
  std::unique_lock lock(mutex_);
  auto& own = jobs_.at(ticket);
  while (!request.dry_run && !own.cancelled && !closed_) {
    const auto now = now_ ? now_() : std::nullopt;
    if (!now || now->ns() + std::chrono::nanoseconds(lead).count() >= request.not_before.ns())
      break;
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  }
  own.waits = false;
  return !own.cancelled && !closed_;
}

void request_socket::close() {
  std::map<std::uint64_t, std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    for (auto& [ticket, j] : jobs_)
      if (j.thread.joinable()) threads[ticket] = std::move(j.thread);
  }
  for (auto& [ticket, t] : threads) t.join();
}

}  // namespace hocket::rewire
