#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/realtime/session.hpp"

namespace hocket::gateway::realtime {

/// The items of a conversation as clients see them: words and calls, no sound. Bounded: the oldest go.
class conversation {
 public:
  static constexpr std::size_t most_items = 512;
  static constexpr std::size_t most_item_bytes = 256 * 1024;

  json* find(const std::string& id);
  /// Behind `after` (its id, `root` for the front, null for the end). The id of the item before it, or
  /// null. Only for an `after` that is null, root or there.
  json add(json item, const json& after = nullptr);
  bool remove(const std::string& id);
  json last_id() const;
  json before(const std::string& id) const;  ///< the id of the item before it, or null
  std::size_t size() const { return items_.size(); }
  /// The last ones, in order, as many as these bytes of JSON hold.
  std::vector<json> newest(std::size_t bytes) const;

 private:
  std::deque<json> items_;
};

/// A client's item as it is kept and echoed: known fields only, all of them. `id`: for one without.
/// Errors in `wrong`; then what is returned means nothing.
json read_item(const json& from, const std::string& id, std::optional<problem>& wrong);

/// The first part of a message, if it is of this type.
json* first_part(json& item, std::string_view type);

/// The text of a message's parts, one after the other.
std::string words_of(const json& item);

}  // namespace hocket::gateway::realtime
