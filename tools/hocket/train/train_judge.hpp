// hocket train judge: what the command line says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/shipped.hpp"

namespace hocket::cli {

struct judge_options {
  std::string families = shipped("configs/policies/judge/families.yaml");
  std::string policy = shipped("configs/policies/house.yaml");
  std::vector<std::string> also;  ///< files of cases, `TOPIC: words`
  std::string held_out = shipped("configs/policies/cases/house.yaml");
  std::string out = "out/judge/house.head.json";
  std::uint64_t seed = 1;
  std::int64_t each = 40;
  bool json = false;
};
int run_train_judge(const judge_options&);

}  // namespace hocket::cli
