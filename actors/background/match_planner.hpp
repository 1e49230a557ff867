#pragma once

#include <mutex>
#include <set>
#include <string>

#include "graph/contract/planner.hpp"

namespace hocket::background {

/// `planner: match`: takes the first tool that knows the task by its words (`tool_words` of the
/// registry); its result is the answer. For graphs without a language model. Functions of an app are
/// known by what they say of themselves. The only one of an app that brings no other is asked once in any case,
/// since what it says of itself may be said in other words; after that only what is for any task is.
class match_planner final : public planner {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  explicit match_planner(config) {}
  result<void> open(const planner_context& where) override;
  result<plan_step> next(const plan_view& view) override;

 private:
  bool may_try(const tool_info& function);

  const registry* types_ = nullptr;
  std::mutex mutex_;
  std::set<std::string>
      tried_;  ///< functions that were asked although they share no word with the task
};

}  // namespace hocket::background
