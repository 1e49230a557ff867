// What a run keeps of its first conversation, and the picture that is drawn of it at the end.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "tools/report/conversation.hpp"

namespace hocket::cli {

/// In the run's folder.
constexpr std::array picture_files = {"conversation.svg", "conversation.png"};

/// Keeps the first conversation: its last half hour.
class kept_conversation final : public report::fact_sink {
 public:
  void take(const report::fact& f) override {
    if (f.session != 0 && kept.session == 0) kept.session = f.session;
    if (f.session != 0 && f.session != kept.session) return;
    kept.apply(f);
    if (kept.turns.size() > max_turns) kept.turns.erase(kept.turns.begin());
    drop_old(kept.words);
    drop_old(kept.events);
    drop_old(kept.delegations);
  }
  report::conversation kept;

 private:
  template <class T>
  static void drop_old(std::vector<T>& all) {
    if (all.size() > max_others)
      all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(max_others / 2));
  }

  // Half an hour: a picture shows ten minutes, and a run may last for weeks. 0.4 KiB a micro-turn.
  static constexpr std::size_t max_turns = 9'000, max_others = 20'000;
};

/// Draws `picture_files` into the folder `out`; what went wrong, one line each. Half a picture is none.
std::vector<std::string> draw_pictures(const report::conversation& what, const std::string& out);

}  // namespace hocket::cli
