#include "actors/interaction/remote/heard_words.hpp"

namespace hocket::remote {
namespace {

constexpr std::int64_t quiet_ms = 400;
constexpr std::size_t longest = 200;  ///< bytes without a blank: scripts that have none go on so
constexpr std::string_view blanks = " \t\r\n";

}  // namespace

std::string heard_words::add(std::string_view piece, bool is_final, std::int64_t now_ms) {
  waits_ += piece;
  came_at_ms_ = now_ms;
  if (is_final) return rest();
  auto out = first(waits_.find_last_of(blanks) + 1);  // npos + 1 is 0
  if (waits_.size() <= longest) return out;
  auto end = longest;
  while (end > 0 && (static_cast<unsigned char>(waits_[end]) & 0xC0) == 0x80) --end;
  auto more = first(end > 0 ? end : longest);
  return out.empty() ? more : out + " " + more;
}

std::string heard_words::settled(std::int64_t now_ms) {
  return now_ms - came_at_ms_ >= quiet_ms ? rest() : "";
}

std::string heard_words::first(std::size_t bytes) {
  const auto part = waits_.substr(0, bytes);
  waits_.erase(0, bytes);
  const auto from = part.find_first_not_of(blanks);
  if (from == part.npos) return {};
  return part.substr(from, part.find_last_not_of(blanks) - from + 1);
}

}  // namespace hocket::remote
