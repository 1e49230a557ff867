#include "engine/language/constraint/constraint.hpp"

#include <algorithm>
#include <numeric>

namespace hocket::language {

vocabulary_tree::vocabulary_tree(const tokenizer& tokens) : size_(tokens.size()) {
  std::vector<token_id> order;
  for (std::size_t i = 0; i < size_; ++i) {
    const auto id = static_cast<token_id>(i);
    const bool control = tokens.is_control(id) || tokens.kind_of(id) == token_kind::unused;
    control_.push_back(control);
    bytes_.emplace_back(tokens.bytes_of(id));
    if (!control && !bytes_.back().empty()) order.push_back(id);
    if (tokens.ends_turn(id)) turn_ends_.push_back(id);
  }
  const auto text = [&](token_id id) -> const std::string& {
    return bytes_[static_cast<std::size_t>(id)];
  };
  std::sort(order.begin(), order.end(),
            [&](token_id a, token_id b) { return text(a) != text(b) ? text(a) < text(b) : a < b; });
  nodes_.emplace_back();
  std::vector<int> path{0};         // nodes from the root down to the last token's end
  std::vector<int> last_child{-1};  // of each node on the path
  std::string_view before;
  for (const token_id id : order) {
    const std::string_view now = text(id);
    std::size_t same = 0;
    while (same < before.size() && same < now.size() && before[same] == now[same]) ++same;
    path.resize(same + 1);
    last_child.resize(same + 1);
    for (std::size_t i = same; i < now.size(); ++i) {
      const int fresh = static_cast<int>(nodes_.size());
      node n;
      n.byte = static_cast<std::uint8_t>(now[i]);
      n.tokens_begin = n.tokens_end = static_cast<int>(ends_.size());
      nodes_.push_back(n);
      if (last_child.back() < 0)
        nodes_[static_cast<std::size_t>(path.back())].first_child = fresh;
      else
        nodes_[static_cast<std::size_t>(last_child.back())].next_sibling = fresh;
      last_child.back() = fresh;
      path.push_back(fresh);
      last_child.push_back(-1);
    }
    ends_.push_back(id);
    nodes_[static_cast<std::size_t>(path.back())].tokens_end = static_cast<int>(ends_.size());
    before = now;
  }
}

bool vocabulary_tree::is_control(token_id id) const {
  return id < 0 || static_cast<std::size_t>(id) >= size_ || control_[static_cast<std::size_t>(id)];
}

std::string_view vocabulary_tree::bytes_of(token_id id) const {
  return bytes_[static_cast<std::size_t>(id)];
}

grammar_walk::grammar_walk(std::shared_ptr<const grammar> g) : grammar_(std::move(g)) {
  frames_.push_back({-1, 0, 0});  // the empty stack
  start_ = intern({{grammar_->start, 0}});
}

int grammar_walk::push(int back, int below) {
  // Where nothing is left to do after the return, the caller's frame serves.
  if (grammar_->nodes[static_cast<std::size_t>(back)].what == grammar::kind::finish) return below;
  const auto key = static_cast<std::uint64_t>(back) << 32 | static_cast<std::uint32_t>(below);
  const auto [found, fresh] = frame_names_.emplace(key, static_cast<int>(frames_.size()));
  if (fresh)
    frames_.push_back(
        {back, below,
         std::min(grammar::never, grammar_->distance[static_cast<std::size_t>(back)] +
                                      frames_[static_cast<std::size_t>(below)].distance)});
  return found->second;
}

int grammar_walk::intern(std::vector<place> from) {
  constexpr std::size_t most_places = 20'000;
  std::vector<place> seen, out;
  state s;
  s.distance = grammar::never;
  std::unordered_map<std::uint64_t, bool> known;
  while (!from.empty()) {
    const auto p = from.back();
    from.pop_back();
    const auto key = static_cast<std::uint64_t>(p.node) << 32 | static_cast<std::uint32_t>(p.stack);
    if (!known.emplace(key, true).second) continue;
    if (known.size() > most_places) {
      gave_up_ = true;
      return nowhere;
    }
    const auto& n = grammar_->nodes[static_cast<std::size_t>(p.node)];
    switch (n.what) {
      case grammar::kind::bytes:
      case grammar::kind::token: {
        const auto far = grammar_->distance[static_cast<std::size_t>(p.node)] +
                         frames_[static_cast<std::size_t>(p.stack)].distance;
        if (far >= grammar::never) break;  // no way from here to an end
        s.distance = std::min(s.distance, far);
        out.push_back(p);
        break;
      }
      case grammar::kind::split:
        if (n.next >= 0) from.push_back({n.next, p.stack});
        if (n.other >= 0) from.push_back({n.other, p.stack});
        break;
      case grammar::kind::call: from.push_back({n.other, push(n.next, p.stack)}); break;
      case grammar::kind::finish:
        if (p.stack == 0) {
          s.may_end = true;
          s.distance = 0;
        } else {
          const auto& f = frames_[static_cast<std::size_t>(p.stack)];
          from.push_back({f.back, f.below});
        }
        break;
    }
  }
  if (out.empty() && !s.may_end) return nowhere;
  std::sort(out.begin(), out.end());
  std::size_t hash = s.may_end ? 1 : 0;
  for (const auto& p : out)
    hash = hash * 1000003u + static_cast<std::size_t>(p.node) * 31u +
           static_cast<std::size_t>(p.stack);
  const auto [first, last] = state_names_.equal_range(hash);
  for (auto i = first; i != last; ++i) {
    const auto& other = states_[static_cast<std::size_t>(i->second)];
    if (other.places == out && other.may_end == s.may_end) return i->second;
  }
  s.places = std::move(out);
  const int name = static_cast<int>(states_.size());
  state_names_.emplace(hash, name);
  states_.push_back(std::move(s));
  return name;
}

int grammar_walk::step(int at, std::uint8_t byte) {
  {
    auto& s = states_[static_cast<std::size_t>(at)];
    if (!s.next) {
      s.next = std::make_unique<std::array<int, 256>>();
      s.next->fill(-2);
    }
    if (const int known = (*s.next)[byte]; known != -2) return known;
  }
  std::vector<place> to;
  for (const auto& p : states_[static_cast<std::size_t>(at)].places) {
    const auto& n = grammar_->nodes[static_cast<std::size_t>(p.node)];
    if (n.what == grammar::kind::bytes && n.set >= 0 &&
        grammar_->sets[static_cast<std::size_t>(n.set)].test(byte))
      to.push_back({n.next, p.stack});
  }
  const int next = to.empty() ? nowhere : intern(std::move(to));
  (*states_[static_cast<std::size_t>(at)].next)[byte] = next;
  return next;
}

int grammar_walk::step_token(int at, int id) {
  std::vector<place> to;
  for (const auto& p : states_[static_cast<std::size_t>(at)].places) {
    const auto& n = grammar_->nodes[static_cast<std::size_t>(p.node)];
    if (n.what == grammar::kind::token && n.set == id) to.push_back({n.next, p.stack});
  }
  return to.empty() ? nowhere : intern(std::move(to));
}

std::vector<int> grammar_walk::tokens(int at) const {
  std::vector<int> out;
  for (const auto& p : states_[static_cast<std::size_t>(at)].places) {
    const auto& n = grammar_->nodes[static_cast<std::size_t>(p.node)];
    if (n.what == grammar::kind::token) out.push_back(n.set);
  }
  return out;
}

int grammar_walk::forget_but(int at) {
  auto places = states_[static_cast<std::size_t>(at)].places;
  const bool may_end = states_[static_cast<std::size_t>(at)].may_end;
  const auto distance = states_[static_cast<std::size_t>(at)].distance;
  states_.clear();
  state_names_.clear();
  start_ = intern({{grammar_->start, 0}});
  state s;
  s.places = std::move(places);
  s.may_end = may_end;
  s.distance = distance;
  states_.push_back(std::move(s));  // a second name of the first state does no harm
  return static_cast<int>(states_.size()) - 1;
}

constraint::constraint(std::shared_ptr<const grammar> g,
                       std::shared_ptr<const vocabulary_tree> tree)
    : tree_(std::move(tree)), walk_(g), state_(walk_.start()), close_(tree_->size()) {
  // A token opens a few rules at most; what each needs to be closed again is known.
  std::int32_t longest = 1;
  for (const auto d : g->distance)
    if (d < grammar::never) longest = std::max(longest, d);
  far_ = 64 + 16 * static_cast<std::int64_t>(longest);
}

void constraint::fill(token_mask& mask, int state, std::int64_t budget) {
  if (walk_.may_end(state))
    for (const auto id : tree_->turn_ends()) mask.allow(id);
  for (const int id : walk_.tokens(state)) {
    const int to = walk_.step_token(state, id);
    if (to != grammar_walk::nowhere && walk_.distance(to) <= budget) mask.allow(id);
  }
  const auto& nodes = tree_->nodes();
  struct open {
    int node, state;
  };
  std::vector<open> path{{nodes[0].first_child, state}};
  while (!path.empty()) {
    const auto [node, from] = path.back();
    path.pop_back();
    if (node < 0) continue;
    const auto& n = nodes[static_cast<std::size_t>(node)];
    path.push_back({n.next_sibling, from});
    const int to = walk_.step(from, n.byte);
    if (to == grammar_walk::nowhere) continue;
    if (walk_.distance(to) <= budget)
      for (int i = n.tokens_begin; i < n.tokens_end; ++i)
        mask.allow(tree_->ends()[static_cast<std::size_t>(i)]);
    path.push_back({n.first_child, to});
  }
}

const token_mask& constraint::allowed() {
  if (const auto known = masks_.find(state_); known != masks_.end()) return known->second;
  if (walk_.size() > max_states || masks_.size() >= max_masks) {
    masks_.clear();
    if (walk_.size() > max_states) state_ = walk_.forget_but(state_);
  }
  token_mask mask(tree_->size());
  fill(mask, state_, grammar::never);
  return masks_.emplace(state_, std::move(mask)).first->second;
}

const token_mask& constraint::allowed(std::int64_t tokens_left) {
  if (tokens_left > shortest_end() + far_) return allowed();
  if (walk_.size() > max_states) {
    masks_.clear();  // of states that are forgotten
    state_ = walk_.forget_but(state_);
  }
  close_ = token_mask(tree_->size());
  fill(close_, state_, tokens_left - 1);
  return close_;
}

int constraint::after(int state, token_id id) {
  if (tree_->is_control(id)) return walk_.step_token(state, id);
  for (const char c : tree_->bytes_of(id)) {
    state = walk_.step(state, static_cast<std::uint8_t>(c));
    if (state == grammar_walk::nowhere) break;
  }
  return state;
}

result<void> constraint::accept(token_id id) {
  const auto& ends = tree_->turn_ends();
  if (std::find(ends.begin(), ends.end(), id) != ends.end() && walk_.may_end(state_)) return {};
  const int to = after(state_, id);
  if (to == grammar_walk::nowhere)
    return fail("constraint.not_allowed", "token " + std::to_string(id) + " may not come here");
  state_ = to;
  return {};
}

bool constraint::must_end() {
  if (!walk_.may_end(state_) || !walk_.tokens(state_).empty()) return false;
  for (int b = 0; b < 256; ++b)
    if (walk_.step(state_, static_cast<std::uint8_t>(b)) != grammar_walk::nowhere) return false;
  return true;
}

bool allows(const std::shared_ptr<const grammar>& g, std::string_view text) {
  grammar_walk walk(g);
  int state = walk.start();
  for (const char c : text) {
    if (state == grammar_walk::nowhere) return false;
    state = walk.step(state, static_cast<std::uint8_t>(c));
  }
  return state != grammar_walk::nowhere && walk.may_end(state);
}

}  // namespace hocket::language
