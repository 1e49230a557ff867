#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "actors/rewire/fwd.hpp"
#include "actors/distributed/hosts.test.hpp"

namespace hocket::rewire {

/// Both halves of each link between hosts, after a run: what its sender counted as sent is what its
/// receiver counted as delivered, all of it, whatever came and went meanwhile. Says what does not
/// agree. `lossy`: rows ("from > to") that may drop; there nothing but the law is asked.
inline std::vector<std::string> unbalanced(const std::map<std::string, run_summary>& all,
                                           const std::set<std::string>& lossy = {}) {
  std::map<std::string, link_account> out, in;
  for (const auto& [host, s] : all)
    for (auto l : s.last.links) {
      const auto cut = [](std::string& name) {
        const auto at = name.find(" @");
        const bool has = at != name.npos;
        if (has) name.resize(at);
        return has;
      };
      const bool leaves = cut(l.to), comes = cut(l.from);
      if (leaves) out[l.from + " > " + l.to] = l;
      if (comes) in[l.from + " > " + l.to] = l;
    }
  std::vector<std::string> wrong;
  const auto dropped = [](const link_account& l) {
    std::uint64_t n = 0;
    for (const auto d : l.dropped) n += d;
    return n;
  };
  for (const auto& [name, l] : out) {
    const auto it = in.find(name);
    if (it == in.end()) {
      if (l.sent > 0) wrong.push_back(name + ": no row where it arrives");
      continue;
    }
    if (lossy.contains(name)) continue;
    if (l.sent != it->second.delivered || dropped(l) + dropped(it->second) > 0)
      wrong.push_back(fmt::format("{}: {} sent, {} delivered, {} and {} dropped", name, l.sent,
                                  it->second.delivered, dropped(l), dropped(it->second)));
  }
  for (const auto& [host, s] : all)
    for (const auto& w : s.last.wires)
      if (!w.adds_up()) wrong.push_back(host + ": the wire's books of " + w.name);
  return wrong;
}

/// What an input heard of one stream: each life of a link begins somewhere and then misses nothing.
class heard_ranges {
 public:
  void hear(const std::string& who, const packet& p) {
    std::lock_guard lock(mutex_);
    auto& runs = runs_[who + " of " + std::to_string(static_cast<std::uint64_t>(p.header.session))];
    if (runs.empty() || runs.back().second != p.header.seq)
      runs.emplace_back(p.header.seq, p.header.seq);
    ++runs.back().second;
    ++total_;
  }
  /// [first, past the last) of each piece without a hole, in the order of arrival.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> of(const std::string& who) const {
    std::lock_guard lock(mutex_);
    const auto it = runs_.find(who);
    return it == runs_.end() ? std::vector<std::pair<std::uint64_t, std::uint64_t>>{} : it->second;
  }
  std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>> all() const {
    std::lock_guard lock(mutex_);
    return runs_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return total_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>> runs_;
  std::size_t total_ = 0;
};

}  // namespace hocket::rewire
