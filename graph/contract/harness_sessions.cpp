#include <algorithm>

#include "graph/contract/harness.hpp"

// Conversations that a component under test opens and closes.
namespace hocket {

class harness::session_keeper final : public session_control {
 public:
  explicit session_keeper(harness& h)
      : h_(h), self_(h.context_.self), next_(h.options_.sessions.back()) {}

  void open(std::function<void(const result<session_id>&, emitter&)> then) override {
    self_->run([this, then = std::move(then)](emitter& out) {
      if (h_.options_.no_more_sessions)
        return then(tl::unexpected<error>(*h_.options_.no_more_sessions), out);
      next_ = static_cast<session_id>(static_cast<std::uint64_t>(next_) + 1);
      h_.options_.sessions.push_back(next_);
      then(next_, out);
    });
  }

  void close(session_id session) override {
    self_->run([this, session](emitter& out) {
      if (std::erase(h_.options_.sessions, session) == 0) return;
      for (const auto& told : ends_) told(session, out);
    });
  }

  void interrupt(session_id session) override {
    self_->run([this, session](emitter&) {
      ++h_.interrupts_;
      ++h_.epochs_[session];
      h_.drop_old_epochs(session);
    });
  }

  void on_end(std::function<void(session_id, emitter&)> told) override {
    self_->run([this, told = std::move(told)](emitter&) { ends_.push_back(told); });
  }

 private:
  harness& h_;
  std::shared_ptr<mailbox_handle> self_;
  session_id next_;
  std::vector<std::function<void(session_id, emitter&)>> ends_;
};

std::shared_ptr<session_control> harness::make_sessions() {
  return std::make_shared<session_keeper>(*this);
}

}  // namespace hocket
