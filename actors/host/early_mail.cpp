#include "actors/host/early_mail.hpp"

#include <utility>

namespace hocket::host {

bool early_mail::put(arrival&& a) {
  if (!a.item) {
    const auto what = a.message.what;
    const auto kind = what == wire::host_event::bound           ? about::bound
                      : what == wire::host_event::end_of_stream ? about::end
                                                                : about::input;
    const auto known = newest_.find({a.link, a.message.session, kind});
    if (known != newest_.end()) {
      mail_[known->second].reset();
      known->second = mail_.size();
      ++outdated_;
    } else if (newest_.size() >= messages_max) {
      ++refused_;
      return false;
    } else {
      newest_[{a.link, a.message.session, kind}] = mail_.size();
    }
  }
  mail_.emplace_back(std::move(a));
  if (outdated_ > mail_.size() / 2) compact();
  return true;
}

void early_mail::compact() {
  std::vector<std::size_t> places(mail_.size());
  std::size_t to = 0;
  for (std::size_t from = 0; from < mail_.size(); ++from) {
    places[from] = to;
    if (!mail_[from]) continue;
    if (to != from) mail_[to] = std::move(mail_[from]);
    ++to;
  }
  mail_.resize(to);
  for (auto& [what, place] : newest_) place = places[place];
  outdated_ = 0;
}

std::vector<arrival> early_mail::take() {
  std::vector<arrival> out;
  out.reserve(mail_.size() - outdated_);
  for (auto& a : mail_)
    if (a) out.push_back(std::move(*a));
  mail_.clear();
  newest_.clear();
  outdated_ = 0;
  return out;
}

}  // namespace hocket::host
