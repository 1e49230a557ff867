// The commands that train models and make their data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/hocket/commands.hpp"

namespace hocket::cli {

struct train_options {
  std::string config;
  bool resume = false;
  std::int64_t steps = 0;         ///< 0: as the config says
  std::int64_t decay_steps = -1;  ///< -1: as the config says
  std::string out;                ///< "": as the config says
  std::string from;               ///< "": as the config says
  std::string bank;               ///< "": as the config says
  std::string voice;              ///< "": as the config says
  int workers = 0;                ///< 0: as the config says
  bool json = false;              ///< one object per report instead of a progress bar
};
int run_train(const train_options&);
/// The same options for an adapter of a language model; `config` is a recipe.
int run_train_lora(const train_options&);

struct scenarios_options {
  std::string out = "out/scenarios";
  std::int64_t count = 8;
  std::uint64_t seed = 1;
  std::string split = "train";        ///< train, heldout
  std::vector<std::string> families;  ///< empty: the core
  bool rich = false;                  ///< flite voices, rooms, echo, loss
  double field = 0;                   ///< share of conversations in the field
  std::string bank;                   ///< folder of the speech bank; "": none
  std::string voice;                  ///< folder of the model's voice; "": flite
  std::string vocoder;                ///< file of a learnt vocoder; "": that without one
  bool texts = false;                 ///< print what a voice has to say
  bool phrases = false;               ///< write what the model says, and through the vocoder
  bool demo = false;                  ///< the conversation that tools/run shows
  bool json = false;
};
int run_scenarios(const scenarios_options&);

}  // namespace hocket::cli
