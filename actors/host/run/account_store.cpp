#include "actors/host/run/account_store.hpp"

#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/counters.hpp"

namespace hocket::host {

void account_store::resize(std::size_t links, std::size_t actors) {
  {
    std::lock_guard lock(mutex_);
    accounts_.resize(links);
  }
  actors_.resize(actors);
}

void account_store::count_undeliverable(std::size_t link, drop_reason why) {
  std::lock_guard lock(mutex_);
  ++accounts_[link].sent;
  accounts_[link].drop(why);
}

void account_store::add(std::size_t link, const account& books) {
  std::lock_guard lock(mutex_);
  accounts_[link].take(books);
}

void account_store::add(const std::vector<account>& books) {
  std::lock_guard lock(mutex_);
  for (std::size_t l = 0; l < books.size(); ++l) accounts_[l].take(books[l]);
}

void account_store::add_to(std::vector<link_account>& links) const {
  std::lock_guard lock(mutex_);
  for (std::size_t l = 0; l < links.size(); ++l) accounts_[l].add_to(links[l]);
}

void account_store::add_actor(const actor_cell& c) {
  auto& mine = actors_[c.id().actor];
  std::size_t links = 0;
  {
    std::lock_guard lock(mutex_);
    links = accounts_.size();
  }
  // Its queues have been collected, or are of links that are told elsewhere.
  std::vector<link_account> unused(links);
  c.add_status(mine.status, mine.times, mine.busy_ns, unused);
}

void account_store::add_to(std::vector<actor_status>& actors, std::vector<histogram::counts>& times,
                           std::vector<std::int64_t>& busy_ns) const {
  for (std::size_t a = 0; a < actors.size(); ++a) {
    const auto& closed = actors_[a];
    add_totals(actors[a], closed.status);
    for (std::size_t i = 0; i < times[a].size(); ++i) times[a][i] += closed.times[i];
    busy_ns[a] += closed.busy_ns;
  }
}

void add_totals(actor_status& into, const actor_status& from) {
  into.packets_in += from.packets_in;
  into.packets_out += from.packets_out;
  into.restarts += from.restarts;
  if (into.last_error.empty()) into.last_error = from.last_error;
  for (const auto& [name, n] : from.counters) add_counter(into, name, n);
}

}  // namespace hocket::host
