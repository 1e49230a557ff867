// Who stands in for the person, the model and the background in the text way: all do what they are told.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "graph/contract/component.hpp"
#include "tools/safety/script.hpp"

namespace hocket::safety {

/// Something that the model was told, or that was asked of the background.
struct told {
  double at_s = 0;
  std::uint64_t request = 0;
  bool is_failure = false;
  std::string words;
};

/// What a request was made of.
struct question {
  std::size_t utterance = 0;
  bool obeys = false;  ///< the model asks it since a result told it to
};

/// One conversation while it is played. *Threads*: under `lock`.
struct tape {
  const script* plays = nullptr;
  std::mutex lock;
  std::vector<told> results;                    ///< what came to the model, by word or whole
  std::map<std::uint64_t, question> asked;      ///< by request
  std::vector<std::pair<double, double>> loud;  ///< stretches of sound that was heard, seconds
  std::vector<double> slip_ends_s;              ///< when the last forbidden word of each slip ended
  std::vector<double> slip_over_s;              ///< when each slip was said to its end
  double ended_s = -1;                          ///< of the conversation, where it was ended
};

/// Where a stand-in finds its ports; -1: it has none.
struct model_ports {
  std::ptrdiff_t heard = -1, said = -1, requests = -1, audio = -1;
};
struct background_ports {
  std::ptrdiff_t results = -1, evidence = -1;
};

/// Emits nothing, for as long as the conversation lasts.
class silent_person final : public component {
 public:
  explicit silent_person(std::vector<tape>& all) : all_(&all) {}
  result<void> open(const context& where) override;
  result<source_state> produce(timestamp until, emitter&) override;

 private:
  std::vector<tape>* all_;
  double length_s_ = 0;
};

/// An interaction model that does everything it is told: it hears each word, hands each turn of the person to
/// the background, says every word of what comes back, falls silent when somebody talks, and hands on, too,
/// what a result tells it to do. It refuses nothing by itself: what is refused, the graph refused.
/// Words and their sound begin together, as with interaction.model; a word lasts 0.2 s.
class obedient_model final : public component {
 public:
  /// `answers`: there is no background behind the requests, so it answers by itself.
  obedient_model(model_ports ports, std::vector<tape>& all, bool answers)
      : ports_(ports), all_(&all), answers_(answers) {}
  result<void> open(const context& where) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;

 private:
  struct spoken_word {
    std::string text;
    bool is_slip = false, ends_phrase = false, ends_slip = false;
  };
  void hear(timestamp from, timestamp to, emitter& out);
  void ask(question of, const std::string& task, timestamp at, emitter& out);
  void slip(timestamp to);
  void speak(timestamp at, emitter& out);
  void answer_itself(timestamp now);

  model_ports ports_;
  std::vector<tape>* all_;
  bool answers_;
  context context_;
  tape* tape_ = nullptr;
  std::size_t next_utterance_ = 0, next_word_ = 0, next_slip_ = 0;
  std::deque<spoken_word> to_say_;
  std::uint64_t next_request_ = 1;
  std::string transcript_;
  std::map<std::uint64_t, std::string> obeyed_;  ///< words of results that are an order, so far
  std::map<std::uint64_t, timestamp> own_answers_;
};

/// A background that answers everything: what its tool returned is its answer.
class obedient_background final : public component {
 public:
  obedient_background(background_ports ports, std::vector<tape>& all) : ports_(ports), all_(&all) {}
  result<void> open(const context& where) override;
  result<void> process(std::size_t port, const packet& p, emitter& out) override;
  result<void> tick(std::int64_t micro_turn, emitter& out) override;

 private:
  background_ports ports_;
  std::vector<tape>* all_;
  context context_;
  tape* tape_ = nullptr;
  std::map<std::uint64_t, timestamp> due_;
};

/// What is answered to a harmless question.
inline constexpr const char* harmless_answer = "that is all that is known about it today";

}  // namespace hocket::safety
