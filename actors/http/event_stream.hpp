#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hocket::http {

/// One server-sent event.
struct stream_event {
  std::string name;  ///< "message" where the stream names none
  std::string data;  ///< lines joined by \n; may be empty
};

/// Reads text/event-stream piece by piece, wherever the pieces are cut.
/// Memory: `event_bytes` for one event; a longer one ends the stream (`is_over`).
class event_stream {
 public:
  explicit event_stream(std::size_t event_bytes = 16u << 20) : event_bytes_(event_bytes) {}
  std::vector<stream_event> push(std::string_view piece);
  /// The last id that the stream gave; what to ask a later stream to begin after.
  const std::string& last_id() const { return last_id_; }
  std::optional<int> retry_ms() const { return retry_ms_; }
  bool is_over() const { return over_; }

 private:
  void take_line(std::string_view line, std::vector<stream_event>& out);

  std::size_t event_bytes_;
  std::string line_, name_, data_, last_id_;
  bool has_data_ = false, after_cr_ = false, over_ = false, first_ = true;
  std::optional<int> retry_ms_;
};

}  // namespace hocket::http
