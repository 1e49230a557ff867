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
  std::string out;  ///< "": out/judge/house.head.json, or house.sentences.json
  std::uint64_t seed = 1;
  std::int64_t each = 0;  ///< 0: 40, or 12 of a head over hidden states
  /// Of the head over hidden states; without a model it is the head over words that is trained.
  std::string language_model;
  std::vector<std::string> kinds{shipped("configs/policies/judge/kinds.yaml")};  ///< more families
  std::string words = shipped("configs/policies/judge/house.head.json");  ///< the head over words
  double words_count = 0.2;
  double over_refused = 0.02;
  std::int64_t layer = 0;  ///< 0: the last
  std::int64_t threads = 2;
  bool json = false;
};
int run_train_judge(const judge_options&);
int run_train_sentences(const judge_options&);

}  // namespace hocket::cli
