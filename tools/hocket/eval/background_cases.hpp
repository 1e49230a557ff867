#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/trainer/examples/judge.hpp"
#include "graph/contract/tool.hpp"

namespace hocket::cli {

/// A call that a request needs.
struct expected_call {
  std::string tool;
  nlohmann::json arguments;
};

/// One request for the background, and what it needs: nothing where it cannot be done.
struct background_case {
  std::string kind;  ///< one, two, three, correction, talk, impossible
  std::string task;
  std::string transcript;
  std::vector<expected_call> calls;
};

/// The twelve tools of the evaluation; each request needs some of them, and the others distract.
std::vector<tool_info> background_tools();

/// `count` requests, made of `seed` alone: names, numbers and dates in figures and words; one to three
/// calls; corrections, where the last word counts; talk and wishes that no tool can do.
std::vector<background_case> background_cases(std::uint64_t seed, std::size_t count);

/// A case with its labels, as `trainer.labelled_talk` reads it.
trainer::labelled_request labelled(const background_case& c);

}  // namespace hocket::cli
