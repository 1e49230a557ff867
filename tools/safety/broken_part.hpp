// A part of a graph that breaks on purpose.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "graph/contract/component.hpp"
#include "tools/safety/play.hpp"

namespace hocket::safety {

/// What became of each conversation's part: it crashes once, however often it is made anew.
struct fault_log {
  explicit fault_log(std::size_t conversations) : of(conversations + 1) {}
  struct entry {
    bool broke = false;
    int restarts = 0;
  };
  std::mutex lock;
  std::vector<entry> of;  ///< by session; the first is of a part that all share
};

/// Does what the part within does until its time comes. *Threads*: as any component.
class broken_part final : public component {
 public:
  broken_part(std::unique_ptr<component> inner, const fault& how, std::shared_ptr<fault_log> log)
      : inner_(std::move(inner)), how_(how), log_(std::move(log)) {}
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
  /// It takes this and gives nothing.
  bool swallows() const { return how_.what == fault::kind::hang && is_due(); }
  fault_log::entry& mine() { return log_->of.at(static_cast<std::size_t>(context_.session)); }
  void note_broken();

  std::unique_ptr<component> inner_;
  fault how_;
  std::shared_ptr<fault_log> log_;
  context context_;
  std::deque<held> held_;
};

}  // namespace hocket::safety
