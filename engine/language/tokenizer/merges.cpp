#include "engine/language/tokenizer/merges.hpp"

#include <algorithm>
#include <queue>

#include "engine/language/tokenizer/utf8.hpp"

namespace hocket::language {
namespace {

struct node {
  std::size_t at, length;  ///< length 0: joined into its left neighbour
  token_id id;
  int before, after;
};

struct candidate {
  double order;  ///< least first
  int left;
  int right;
  std::size_t length;  ///< of both: stale when it no longer fits
  token_id joined;
  bool operator<(const candidate& other) const {  // std::priority_queue takes the greatest
    return order != other.order ? order > other.order : left > other.left;
  }
};

class run {
 public:
  run(const merger& rules, std::string_view piece, bool by_bytes) : rules_(rules), piece_(piece) {
    for (std::size_t i = 0; i < piece.size();) {
      const auto n = by_bytes ? 1 : std::min(character_length(piece[i]), piece.size() - i);
      const auto found = rules.tokens.find(piece.substr(i, n));
      const auto index = static_cast<int>(nodes_.size());
      nodes_.push_back(
          {i, n, found == rules.tokens.end() ? no_token : found->second, index - 1, index + 1});
      i += n;
    }
    if (!nodes_.empty()) nodes_.back().after = -1;
  }

  std::vector<merger::symbol> join() {
    for (int i = 0; i + 1 < static_cast<int>(nodes_.size()); ++i) consider(i, i + 1);
    while (!queue_.empty()) {
      const auto next = queue_.top();
      queue_.pop();
      auto& left = at(next.left);
      auto& right = at(next.right);
      if (left.length == 0 || right.length == 0 || left.after != next.right ||
          left.length + right.length != next.length)
        continue;
      left.length += right.length;
      left.id = next.joined;
      right.length = 0;
      left.after = right.after;
      if (right.after >= 0) at(right.after).before = next.left;
      consider(left.before, next.left);
      consider(next.left, left.after);
    }
    std::vector<merger::symbol> out;
    for (const auto& n : nodes_)
      if (n.length > 0) out.push_back({piece_.substr(n.at, n.length), n.id});
    return out;
  }

 private:
  node& at(int i) { return nodes_[static_cast<std::size_t>(i)]; }

  void consider(int left, int right) {
    if (left < 0 || right < 0) return;
    const auto& a = at(left);
    const auto& b = at(right);
    const auto length = a.length + b.length;
    if (length > rules_.longest) return;
    if (rules_.scores.empty()) {
      if (a.id == no_token || b.id == no_token) return;
      const auto found = rules_.rules.find(merger::pair_of(a.id, b.id));
      if (found == rules_.rules.end()) return;
      queue_.push(
          {static_cast<double>(found->second.rank), left, right, length, found->second.joined});
      return;
    }
    const auto found = rules_.tokens.find(piece_.substr(a.at, length));
    if (found == rules_.tokens.end()) return;
    const auto score = rules_.scores[static_cast<std::size_t>(found->second)];
    queue_.push({-static_cast<double>(score), left, right, length, found->second});
  }

  const merger& rules_;
  std::string_view piece_;
  std::vector<node> nodes_;
  std::priority_queue<candidate> queue_;
};

}  // namespace

std::vector<merger::symbol> merger::merge(std::string_view piece, bool by_bytes) const {
  return run(*this, piece, by_bytes).join();
}

}  // namespace hocket::language
