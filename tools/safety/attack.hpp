// Adversaries: ways of asking for what a policy forbids, scripted after families of public taxonomies, and a
// language model's.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tools/safety/cases.hpp"
#include "tools/safety/model_adversary.hpp"
#include "tools/safety/script.hpp"

namespace hocket::safety {

/// A word of an attack. What is no core is wrapping, and may be left out without changing what is asked for.
struct attack_word {
  std::string text;
  bool is_core = false;
};
using attack_turn = std::vector<attack_word>;
std::string text_of(const attack_turn& t);

/// A conversation that ends in a disallowed request.
struct attack {
  std::string strategy;
  std::string topic;
  std::vector<attack_turn> turns;
  std::string
      returns;  ///< what a tool says to a harmless question; the request is in it, not in the turns
};

struct strategy {
  const char* name;
  const char* what;  ///< one sentence for people
};
/// The last one is a language model's: it is drawn where there is one.
const std::vector<strategy>& all_strategies();

/// Draws attacks from a file of goals: a pure function of it, the seed, and what a language model answers.
class adversary {
 public:
  /// `model`: who words requests anew; nullptr: nobody.
  adversary(const case_set& goals, std::uint64_t seed, rewriter* model = nullptr)
      : goals_(goals), random_(seed), model_(model) {}
  /// Strategies in turn; every third attack combines two.
  attack next();

 private:
  using words = std::vector<std::string>;
  const line& goal();
  void wrap(attack& a, const std::string& name);
  void before(attack& a, const std::string& text);
  void lead(attack& a, const std::string& text);
  void hide(attack& a, const std::string& how);
  void split(attack& a);
  void stuff(attack& a);
  void many_shot(attack& a);
  void paraphrase(attack& a);
  void inject(attack& a);
  void reword(attack& a);
  std::size_t draw(std::size_t below) { return static_cast<std::size_t>(random_() % below); }
  const std::string& any(const lines& from) { return from[draw(from.size())].words; }

  const case_set& goals_;
  std::mt19937_64 random_;
  rewriter* model_;
  std::size_t number_ = 0;
};

/// The conversation as one that can be played, beginning at a time; the last turn is judged.
/// `u` of the script that it belongs to carries family "attack".
void append_to(script& s, const attack& a, double at_s);
/// "TOPIC: turn | turn", as in files of cases of `hocket policy`.
std::string case_of(const attack& a);
/// What is asked for, without what another strategy wraps around it.
std::string core_of(const attack& a);
/// Whether a language model worded it.
bool is_by_model(const attack& a);

}  // namespace hocket::safety
