#include "actors/gateway/tinker/kept_results.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

namespace hocket::tinker {
namespace {

std::size_t name_of(const std::string& id) { return std::hash<std::string>()(id); }

std::int64_t seconds_of(std::chrono::milliseconds t) {
  return std::chrono::duration_cast<std::chrono::seconds>(t).count();
}

}  // namespace

std::size_t& kept_results::bytes_of(const result& r) {
  auto& a = accounts_[r.owner];
  return r.was_read ? a.read_bytes : a.unread_bytes;
}

bool kept_results::was_read_for(std::chrono::milliseconds time, const result& r,
                                clock::time_point now) const {
  const auto to_take = each_64_kib * static_cast<std::int64_t>(r.bytes >> 16);
  return r.was_read && now - r.since > time + to_take;
}

void kept_results::expect(const std::string& id, const std::string& owner) {
  results_[id].owner = owner;
}

void kept_results::add(const std::string& id, const std::string& owner, std::size_t bytes,
                       clock::time_point now) {
  auto& r = results_[id];
  if (std::exchange(r.has_ended, true)) return;
  if (r.owner.empty()) r.owner = owner;
  r.bytes = bytes, r.since = now;
  bytes_of(r) += bytes;
  bytes_ += bytes;
}

void kept_results::note_read(const std::string& id, clock::time_point now) {
  const auto found = results_.find(id);
  if (found == results_.end() || !found->second.has_ended) return;
  auto& r = found->second;
  bytes_of(r) -= r.bytes;
  r.was_read = true, r.since = now;
  bytes_of(r) += r.bytes;
}

void kept_results::note_received(const std::string& id) {
  const auto found = results_.find(id);
  if (found != results_.end() && found->second.was_read) found->second.was_received = true;
}

void kept_results::forget(place r, clock::time_point now, std::vector<std::string>& names) {
  bytes_of(r->second) -= r->second.bytes;
  bytes_ -= r->second.bytes;
  auto& last = accounts_[r->second.owner].last;
  last.push_back({name_of(r->first), now, r->second.was_read});
  if (last.size() > limits_.remembered) last.pop_front();
  names.push_back(r->first);
  results_.erase(r);
}

std::vector<std::string> kept_results::expire(clock::time_point now) {
  std::vector<std::string> names;
  for (auto i = results_.begin(); i != results_.end();) {
    const auto at = i++;
    const auto& r = at->second;
    if (!r.has_ended) continue;
    if (r.was_received || was_read_for(limits_.read, r, now) ||
        (!r.was_read && now - r.since > limits_.unread))
      forget(at, now, names);
  }
  bound_read(now, names);
  bound_all(now, names);
  for (auto i = accounts_.begin(); i != accounts_.end();) {
    auto& a = i->second;
    while (!a.last.empty() && now - a.last.front().at > limits_.unread) a.last.pop_front();
    const bool is_empty = a.last.empty() && a.unread_bytes == 0 && a.read_bytes == 0;
    i = is_empty ? accounts_.erase(i) : std::next(i);
  }
  return names;
}

void kept_results::bound_read(clock::time_point now, std::vector<std::string>& names) {
  std::map<std::string, std::vector<place>> of_owners;
  for (auto i = results_.begin(); i != results_.end(); ++i)
    if (was_read_for(limits_.read_at_least, i->second, now) &&
        accounts_[i->second.owner].read_bytes > limits_.read_bytes)
      of_owners[i->second.owner].push_back(i);
  for (auto& [owner, all] : of_owners) {
    std::ranges::sort(all, {}, [](place p) { return p->second.since; });
    for (const auto p : all) {
      if (accounts_[owner].read_bytes <= limits_.read_bytes) break;
      forget(p, now, names);
    }
  }
}

void kept_results::bound_all(clock::time_point now, std::vector<std::string>& names) {
  if (bytes_ <= limits_.most_bytes) return;
  std::vector<place> long_ago;
  std::map<std::string, std::vector<place>> of_owners;
  for (auto i = results_.begin(); i != results_.end(); ++i) {
    if (!i->second.has_ended) continue;
    const bool may_go = was_read_for(limits_.read_at_least, i->second, now);
    (may_go ? long_ago : of_owners[i->second.owner]).push_back(i);
  }
  const auto sort_first_to_go_last = [](std::vector<place>& all) {
    std::ranges::sort(all, std::ranges::greater(),
                      [](place p) { return std::pair(!p->second.was_read, p->second.since); });
  };
  sort_first_to_go_last(long_ago);
  for (; !long_ago.empty() && bytes_ > limits_.most_bytes; long_ago.pop_back())
    forget(long_ago.back(), now, names);
  for (auto& [owner, all] : of_owners) sort_first_to_go_last(all);
  const auto held = [&](const auto& each) {
    const auto& a = accounts_[each.first];
    return a.read_bytes + a.unread_bytes;
  };
  while (bytes_ > limits_.most_bytes && !of_owners.empty()) {
    const auto most = std::ranges::max_element(of_owners, {}, held);
    forget(most->second.back(), now, names);
    most->second.pop_back();
    if (most->second.empty()) of_owners.erase(most);
  }
}

bool kept_results::is_full(const std::string& owner) const {
  const auto found = accounts_.find(owner);
  return found != accounts_.end() && found->second.unread_bytes >= limits_.unread_bytes;
}

std::optional<std::string> kept_results::fate(const std::string& id,
                                              const std::string& owner) const {
  const auto found = accounts_.find(owner);
  if (found == accounts_.end()) return std::nullopt;
  const auto& last = found->second.last;
  const auto at = std::ranges::find(last, name_of(id), &gone::name);
  if (at == last.end()) return std::nullopt;
  if (at->was_read)
    return fmt::format(
        "{} has ended and its result was delivered; it is not kept any more (a result stays {} s "
        "after it was read, or {} s where an owner's take over {} MiB, and longer where it is "
        "large)",
        id, seconds_of(limits_.read), seconds_of(limits_.read_at_least), limits_.read_bytes >> 20);
  return fmt::format(
      "{} has ended, and nobody asked for its result in time; it is not kept any more (a result "
      "waits {} s for its reader, less where all take over {} MiB)",
      id, seconds_of(limits_.unread), limits_.most_bytes >> 20);
}

}  // namespace hocket::tinker
