#include "actors/distributed/early_messages.hpp"

#include <utility>

namespace hocket::distributed {

// A link that never came to be (a rewire that was rolled back) leaves its share to the others.
early_messages::~early_messages() { streams_->fetch_sub(newest_.size()); }

bool early_messages::put(received&& a) {
  if (!a.item) {
    const auto& event = a.message.event;
    const auto kind = std::holds_alternative<wire::stream_bound>(event) ? about::bound
                      : std::holds_alternative<wire::stream_end>(event) ? about::end
                                                                        : about::input;
    const auto session = session_of(a.message);
    const auto known = newest_.find({a.link, session, kind});
    if (known != newest_.end()) {
      messages_[known->second].reset();
      known->second = messages_.size();
      ++outdated_;
    } else if (streams_->fetch_add(1) >= messages_max) {
      streams_->fetch_sub(1);
      ++refused_;
      return false;
    } else {
      newest_[{a.link, session, kind}] = messages_.size();
    }
  }
  messages_.emplace_back(std::move(a));
  if (outdated_ > messages_.size() / 2) compact();
  return true;
}

void early_messages::compact() {
  std::vector<std::size_t> places(messages_.size());
  std::size_t to = 0;
  for (std::size_t from = 0; from < messages_.size(); ++from) {
    places[from] = to;
    if (!messages_[from]) continue;
    if (to != from) messages_[to] = std::move(messages_[from]);
    ++to;
  }
  messages_.resize(to);
  for (auto& [what, place] : newest_) place = places[place];
  outdated_ = 0;
}

std::vector<received> early_messages::take() {
  std::vector<received> out;
  out.reserve(messages_.size() - outdated_);
  for (auto& a : messages_)
    if (a) out.push_back(std::move(*a));
  messages_.clear();
  streams_->fetch_sub(newest_.size());
  newest_.clear();
  outdated_ = 0;
  return out;
}

}  // namespace hocket::distributed
