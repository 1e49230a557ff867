// A part of a graph that breaks on purpose.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "graph/contract/component.hpp"
#include "tools/safety/play.hpp"

namespace hocket::safety {

/// Which conversations' parts have crashed already: each crashes once, however often it is made anew.
struct spent_faults {
  explicit spent_faults(std::size_t conversations) : done(conversations + 1, false) {}
  std::mutex lock;
  std::vector<bool> done;
};

/// Does what the part within does until its time comes. *Threads*: as any component.
class broken_part final : public component {
 public:
  broken_part(std::unique_ptr<component> inner, const fault& how,
              std::shared_ptr<spent_faults> spent)
      : inner_(std::move(inner)), how_(how), spent_(std::move(spent)) {}
  result<void> open(const context& where) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override;
  result<void> close(emitter& out) override { return inner_->close(out); }

 private:
  class holding;
  struct held {
    timestamp at;
    std::size_t port = 0;
    packet what;
  };
  bool is_due() const { return context_.time->now().seconds() >= how_.at_s; }
  /// Whether it crashes now.
  bool crashes();

  std::unique_ptr<component> inner_;
  fault how_;
  std::shared_ptr<spent_faults> spent_;
  context context_;
  std::deque<held> held_;
};

}  // namespace hocket::safety
