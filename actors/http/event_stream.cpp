#include "actors/http/event_stream.hpp"

#include <algorithm>
#include <utility>

namespace hocket::http {

std::vector<stream_event> event_stream::push(std::string_view piece) {
  std::vector<stream_event> out;
  while (!piece.empty() && !over_) {
    if (std::exchange(after_cr_, false) && piece.front() == '\n') {
      piece.remove_prefix(1);
      continue;
    }
    const auto end = piece.find_first_of("\r\n");
    line_ += piece.substr(0, end);
    if (line_.size() + data_.size() > event_bytes_) {
      over_ = true;
      break;
    }
    if (end == piece.npos) break;
    after_cr_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    std::string_view line = line_;
    if (std::exchange(first_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    take_line(line, out);
    line_.clear();
  }
  return out;
}

void event_stream::take_line(std::string_view line, std::vector<stream_event>& out) {
  if (line.empty()) {
    if (has_data_) out.push_back({name_.empty() ? "message" : name_, std::move(data_)});
    data_.clear();
    name_.clear();
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  if (colon == 0) return;  // a comment, to keep the connection alive
  const auto field = line.substr(0, colon);
  auto value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_ += value;
  } else if (field == "event") {
    name_ = value;
  } else if (field == "id") {
    if (value.find('\0') == value.npos) last_id_ = value;
  } else if (field == "retry") {
    const bool digits = !value.empty() && value.size() <= 9 &&
                        std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (digits) retry_ms_ = std::stoi(std::string(value));
  }
}

}  // namespace hocket::http
