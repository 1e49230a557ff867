#include "graph/trust/redaction.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "graph/trust/secret.hpp"

namespace hocket::trust {
namespace {

constexpr std::size_t most_words = 50'000, shortest_word = 4, shortest_number = 2;

// What messages are made of: to hide these would hide what went wrong, and tells nothing of anybody.
constexpr std::array everyday = std::to_array<std::string_view>(
    {"about",   "after", "again", "already", "answer",  "because", "been",  "before",  "cannot",
     "could",   "does",  "down",  "each",    "empty",   "ended",   "error", "failed",  "file",
     "from",    "given", "have",  "here",    "into",    "invalid", "last",  "late",    "limit",
     "long",    "more",  "most",  "must",    "name",    "near",    "needs", "nobody",  "none",
     "nothing", "only",  "other", "over",    "refused", "result",  "said",  "says",    "should",
     "such",    "take",  "takes", "than",    "that",    "their",   "there", "they",    "this",
     "time",    "tool",  "took",  "under",   "unknown", "until",   "wait",  "want",    "wants",
     "were",    "what",  "when",  "where",   "which",   "will",    "with",  "without", "would",
     "wrong",   "your"});

bool is_inside(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// FNV-1a over the letters, as if all were small: the words themselves are kept nowhere.
std::uint64_t hash_of(std::string_view word) {
  std::uint64_t h = 14695981039346656037u;
  for (char c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return h;
}

bool counts(std::string_view word) {
  const bool number = word.find_first_not_of("0123456789") == word.npos;
  return word.size() >= (number ? shortest_number : shortest_word);
}

/// `each(word, at)` for each word of a text.
template <class Each>
void each_word(std::string_view text, Each each) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is_inside(text[at])) {
      ++at;
      continue;
    }
    auto end = at;
    while (end < text.size() && is_inside(text[end])) ++end;
    each(text.substr(at, end - at), at);
    at = end;
  }
}

std::atomic<bool> kept_out{false};

struct book {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::uint32_t> said;  ///< how often it stands in `order`
  std::deque<std::uint64_t> order;
  std::unordered_set<std::uint64_t> vocabulary;
};

book& the_book() {
  static auto* const it = new book;  // threads may still write when the process ends
  return *it;
}

std::string without_words(std::string text) {
  auto& b = the_book();
  const std::lock_guard lock(b.mutex);
  std::string out;
  std::size_t done = 0;
  each_word(text, [&](std::string_view word, std::size_t at) {
    const auto h = hash_of(word);
    if (!counts(word) || b.said.count(h) == 0 || b.vocabulary.count(h) > 0) return;
    out += std::string_view(text).substr(done, at - done);
    out += "·";
    done = at + word.size();
  });
  if (done == 0) return text;
  return out += std::string_view(text).substr(done);
}

}  // namespace

void keep_words_out(bool yes) {
  auto& b = the_book();
  const std::lock_guard lock(b.mutex);
  if (!yes) {
    b.said.clear();
    b.order.clear();
    b.vocabulary.clear();
  }
  for (const auto word : everyday) b.vocabulary.insert(hash_of(word));
  kept_out.store(yes, std::memory_order_release);
}

bool words_are_kept_out() { return kept_out.load(std::memory_order_acquire); }

void note_words(std::string_view said) {
  if (!words_are_kept_out()) return;
  auto& b = the_book();
  const std::lock_guard lock(b.mutex);
  each_word(said, [&](std::string_view word, std::size_t) {
    const auto h = hash_of(word);
    if (!counts(word) || b.vocabulary.count(h) > 0) return;
    ++b.said[h];
    b.order.push_back(h);
    if (b.order.size() <= most_words) return;
    const auto oldest = b.said.find(b.order.front());
    if (--oldest->second == 0) b.said.erase(oldest);
    b.order.pop_front();
  });
}

void note_vocabulary(std::string_view names) {
  auto& b = the_book();
  const std::lock_guard lock(b.mutex);
  each_word(names, [&](std::string_view word, std::size_t) { b.vocabulary.insert(hash_of(word)); });
}

std::string redacted(std::string text) {
  text = without_secrets(std::move(text));
  return words_are_kept_out() ? without_words(std::move(text)) : text;
}

}  // namespace hocket::trust
