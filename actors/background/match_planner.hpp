#pragma once

#include "graph/contract/planner.hpp"

namespace hocket::background {

/// `planner: match`: takes the first tool that knows the task by its words (`tool_words` of the
/// registry); its result is the answer. For graphs without a language model. Functions of an app are
/// known by what they say of themselves; the only one of an app that brings no other takes every task.
class match_planner final : public planner {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  explicit match_planner(config) {}
  result<void> open(const planner_context& where) override;
  result<plan_step> next(const plan_view& view) override;

 private:
  const registry* types_ = nullptr;
};

}  // namespace hocket::background
