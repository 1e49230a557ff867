// What the guard does while somebody holds all conversations.
#include "actors/policy/guard.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t kept_early = 64;

}  // namespace

// Whether somebody is linked to `holds`.
bool guard::has_desk(const context& where) {
  if (where.graph == nullptr) return false;
  diagnostics ignored;
  const auto tree = spec::parse_yaml("", where.graph->expanded_yaml(), ignored);
  const auto* at = tree ? &*tree : nullptr;
  for (const auto& key :
       {std::string("actors"), where.actor, std::string("inputs"), std::string("holds")})
    at = at != nullptr ? at->find(key) : nullptr;
  return at != nullptr;
}

// Before anything else: it holds where there is no policy, too.
result<void> guard::take_hold(bool frozen, emitter& out) {
  const bool is_first = std::exchange(awaits_word_, false);
  if (frozen != is_frozen_) {
    is_frozen_ = frozen;
    if (frozen) {
      context_.count("frozen", 1);
      out.interrupt();
      withhold_all(out);
    }
    context_.log(frozen ? "frozen: nothing passes" : "no longer frozen");
  }
  if (is_first && !frozen && lost_.empty()) gate_.let_go(context_.time->now());
  hold_gate();
  for (const auto& [port, p] : std::exchange(early_, {})) HOCKET_TRY(process(port, p, out));
  return {};
}

// What is under way, and what waits for its verdict.
void guard::withhold_all(emitter& out) {
  std::set<std::uint64_t> all;
  for (const auto& [request, _] : started_) all.insert(request);
  for (const auto& [_, q] : questions_)
    if (q.from == place::request) all.insert(q.request);
  std::erase_if(questions_, [](const auto& q) { return q.second.from == place::request; });
  for (const auto request : all) withhold(request, nullptr, out);
}

// Who cannot hear the desk does not know whether all is frozen.
bool guard::holds_all() const {
  return is_frozen_ || (fails_closed() && (awaits_word_ || lost_.contains(holds_in)));
}

// Deaf on one side it judges nothing.
void guard::hold_gate() {
  gate_.hold(holds_all() || (fails_closed() && !lost_.empty()), context_.time->now());
}

// A conversation that begins is not lost for the desk's first word, which comes within a micro-turn.
void guard::keep_early(std::size_t port, const packet& p) {
  if (early_.size() < kept_early)
    early_.emplace_back(port, p);
  else
    context_.count("withheld", 1);
}

}  // namespace hocket::policy
