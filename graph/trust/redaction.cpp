#include "graph/trust/redaction.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
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

/// How many bytes of UTF-8 at `at` stand between words: marks of Latin-1 (« », no-break space),
/// U+2000 to U+206F (typographic quotes, dashes, blanks), U+3000 to U+303F, and those of full width up to
/// U+FF0F; 0: what stands there belongs to a word.
std::size_t mark_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t n) {
    return at + n < text.size() ? static_cast<unsigned char>(text[at + n]) : 0u;
  };
  const auto first = byte(0), second = byte(1), third = byte(2);
  if (first < 0x80) {
    const auto c = static_cast<char>(first);
    const bool inside = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return inside ? 0 : 1;
  }
  if (first == 0xC2) return second == 0xAA || second == 0xB5 || second == 0xBA ? 0 : 2;
  if (first == 0xE2) return second == 0x80 || (second == 0x81 && third <= 0xAF) ? 3 : 0;
  if (first == 0xE3) return second == 0x80 ? 3 : 0;
  if (first == 0xEF) return second == 0xBC && third <= 0x8F ? 3 : 0;
  return 0;
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
    if (const auto between = mark_at(text, at); between > 0) {
      at += between;
      continue;
    }
    auto end = at;
    while (end < text.size() && mark_at(text, end) == 0) ++end;
    each(text.substr(at, end - at), at);
    at = end;
  }
}

std::atomic<bool> kept_out{false};

struct book {
  std::mutex mutex;
  std::list<std::uint64_t> order;  ///< each word once, the one said last at the end
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> said;
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
    if (const auto known = b.said.find(h); known != b.said.end())
      return b.order.splice(b.order.end(), b.order, known->second);
    b.said.emplace(h, b.order.insert(b.order.end(), h));
    if (b.order.size() <= most_words) return;
    b.said.erase(b.order.front());
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
