#include "actors/gateway/realtime/conversation.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hocket::gateway::realtime {
namespace {

problem invalid(const std::string& param, const std::string& why) {
  return {"invalid_value", why, param};
}

/// One part of a message. The sound of an `input_audio` is not kept.
json read_part(const json& part, const std::string& role, const std::string& at,
               std::optional<problem>& wrong) {
  const auto type = text_of(part, "type");
  const bool of_user = role == "user", of_model = role == "assistant";
  if (type == "input_text" && !of_model) return {{"type", type}, {"text", text_of(part, "text")}};
  if (type == "input_audio" && of_user) {
    const auto& transcript = member(part, "transcript");
    return {{"type", type}, {"transcript", transcript.is_string() ? transcript : json()}};
  }
  if (type == "input_image" && of_user) {
    const auto url = text_of(part, "image_url");
    if (url.rfind("data:image/", 0) == 0)
      // Given on, not kept: an echo of megabytes helps nobody.
      return {{"type", type}, {"image_url", url.substr(0, url.find(','))}};
    wrong = invalid(at + ".image_url", "image_url is a data: URL; nothing is fetched");
    return {};
  }
  // `text` and `audio` are the beta's names.
  if ((type == "output_text" || type == "text") && of_model)
    return {{"type", "output_text"}, {"text", text_of(part, "text")}};
  if ((type == "output_audio" || type == "audio") && of_model)
    return {{"type", "output_audio"}, {"transcript", text_of(part, "transcript")}};
  wrong = invalid(at + ".type",
                  fmt::format("`{}` is no content of a message with role {}", type, role));
  return {};
}

json read_message(const json& from, std::optional<problem>& wrong) {
  const auto role = text_of(from, "role");
  if (role != "user" && role != "assistant" && role != "system") {
    wrong = invalid("item.role", "role is user, assistant or system");
    return {};
  }
  json content = json::array();
  const auto& parts = member(from, "content");
  if (!parts.is_array()) wrong = invalid("item.content", "content is a list of parts");
  for (std::size_t i = 0; i < parts.size() && !wrong; ++i)
    content.push_back(read_part(parts[i], role, fmt::format("item.content[{}]", i), wrong));
  return {{"type", "message"}, {"role", role}, {"status", "completed"}, {"content", content}};
}

}  // namespace

std::vector<json> conversation::newest(std::size_t bytes) const {
  std::vector<json> out;
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
    const auto size = size_of(*item);
    if (size > bytes) break;
    bytes -= size;
    out.push_back(*item);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

json* conversation::find(const std::string& id) {
  for (auto& item : items_)
    if (item.at("id") == id) return &item;
  return nullptr;
}

json conversation::add(json item, const json& after) {
  auto place = items_.end();
  if (after == "root")
    place = items_.begin();
  else if (after.is_string())
    place = std::find_if(items_.begin(), items_.end(),
                         [&](const json& i) { return i.at("id") == after; }) +
            1;
  const json before = place == items_.begin() ? json() : (place - 1)->at("id");
  items_.insert(place, std::move(item));
  if (items_.size() > most_items) items_.pop_front();
  return before;
}

bool conversation::remove(const std::string& id) {
  return std::erase_if(items_, [&](const json& i) { return i.at("id") == id; }) > 0;
}

json conversation::last_id() const { return items_.empty() ? json() : items_.back().at("id"); }

json conversation::before(const std::string& id) const {
  for (std::size_t i = 1; i < items_.size(); ++i)
    if (items_[i].at("id") == id) return items_[i - 1].at("id");
  return nullptr;
}

json read_item(const json& from, const std::string& id, std::optional<problem>& wrong) {
  const auto type = text_of(from, "type");
  json item;
  if (size_of(from) > conversation::most_item_bytes && type != "message") {
    wrong = invalid("item", "the item is larger than 256 KiB");
  } else if (type == "message") {
    item = read_message(from, wrong);
    if (!wrong && size_of(item) > conversation::most_item_bytes)
      wrong = invalid("item", "the item is larger than 256 KiB");
  } else if (type == "function_call" || type == "function_call_output") {
    const auto call_id = text_of(from, "call_id");
    const bool is_output = type == "function_call_output";
    if (call_id.empty()) wrong = invalid("item.call_id", "call_id says which call it is");
    item = {{"type", type}, {"call_id", call_id}, {"status", "completed"}};
    if (is_output) {
      const auto& output = member(from, "output");
      item["output"] = output.is_string() ? output : json(line_of(output));
    } else {
      item["name"] = text_of(from, "name");
      item["arguments"] = text_of(from, "arguments", "{}");
    }
  } else {
    wrong = invalid("item.type", "items are message, function_call and function_call_output");
  }
  if (wrong) return {};
  auto own = text_of(from, "id");
  if (own.size() > 128) {
    wrong = invalid("item.id", "an id has at most 128 bytes");
    return {};
  }
  item["id"] = own.empty() ? id : own;
  item["object"] = "realtime.item";
  return item;
}

json* first_part(json& item, std::string_view type) {
  const auto content = item.find("content");
  if (content == item.end() || !content->is_array() || content->empty()) return nullptr;
  return text_of(content->front(), "type") == type ? &content->front() : nullptr;
}

std::string words_of(const json& item) {
  std::string out;
  for (const auto& part : member(item, "content"))
    for (const char* key : {"text", "transcript"})
      if (const auto words = text_of(part, key); !words.empty())
        out += (out.empty() ? "" : " ") + words;
  return out;
}

}  // namespace hocket::gateway::realtime
