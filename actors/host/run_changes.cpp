#include "actors/host/run_changes.hpp"

namespace hocket::host {

std::string_view to_string(rewire_state s) {
  switch (s) {
    case rewire_state::refused: return "refused";
    case rewire_state::unchanged: return "unchanged";
    case rewire_state::planned: return "planned";
    case rewire_state::rolled_back: return "rolled_back";
    case rewire_state::committed: break;
  }
  return "committed";
}

}  // namespace hocket::host
