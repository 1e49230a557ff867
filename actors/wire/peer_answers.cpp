// Hosts that only ask, and connections that end before a handshake. All of it on the node's thread.
#include <netinet/in.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "actors/wire/peer.hpp"
#include "graph/core/clock.hpp"

namespace hocket::wire {

/// A host that was killed asks, before it begins, what its vote came to. What it was before is gone:
/// said first, so that nothing is decided with the vote of a process that is no more.
void peer::answer_asking(const std::string& route, std::uint64_t connection) {
  std::unique_lock lock(books_);
  const bool open = phase_ != phase::idle;
  lock.unlock();
  if (open) {
    lose(peer_state::lost, "it began anew");
    return refuse_to(route, connection, {ask_again, "you were still there a moment ago"});
  }
  const auto us = core_.who();
  if (us.decides())
    return refuse_to(route, connection, {ask_again, "votes are being counted", undecided_graph});
  refuse_to(route, connection, {asked, "you asked", us.newest_graph()});
}

void peer::note_graph(const std::string& hash) {
  std::lock_guard lock(books_);
  if (!hash.empty()) graph_ = hash;
}

std::string peer::graph() const {
  std::lock_guard lock(books_);
  return graph_;
}

std::string peer::stranger() const {
  return fmt::format(
      "{} answers, but not as `{}`: another key than in our graph, plaintext against "
      "keys, or no hocket at all",
      options_.address, options_.name);
}

/// It took the connection and closed it: a host with other keys, another program, or a forwarder
/// whose backend is not there yet, which is worth every further attempt.
void peer::cut_short() {
  const auto at = control_->connected_to();
  lose(peer_state::lost,
       fmt::format("{} takes connections and closes them at once: a forwarder whose "
                   "backend is not there yet? Trying on",
                   options_.address));
  if (at.ss_family == AF_UNSPEC) return;
  const auto now = monotonic_ns();
  who_.begin(at,
             at.ss_family == AF_INET    ? sizeof(sockaddr_in)
             : at.ss_family == AF_INET6 ? sizeof(sockaddr_in6)
                                        : sizeof(sockaddr_un),
             now);
}

void peer::judge_answerer(clock_ns now) {
  const auto found = who_.look(now);
  if (found != who_answers::verdict::listener && found != who_answers::verdict::stranger) return;
  retry_at_ns_ = now + slow_retry_.next_ns();
  change(peer_state::refused, stranger());
}

}  // namespace hocket::wire
