#include "actors/interaction/remote/machine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/interaction/remote/gemini.hpp"
#include "actors/interaction/remote/live.hpp"
#include "actors/interaction/remote/own.hpp"
#include "actors/interaction/remote/realtime.hpp"
#include "graph/text/clean.hpp"

namespace hocket::remote {
namespace {

constexpr std::size_t most_answered = 256;
constexpr std::size_t longest_id = 256;
constexpr std::size_t longest_task = 440;  // and a sign of the cut: the background takes 500 bytes

/// The task in a call's arguments: `task`, or whatever words there are.
std::string task_of(const std::string& arguments) {
  const auto read = gateway::parse_object(arguments);
  if (!read) return arguments;
  if (auto task = gateway::text_of(*read, "task"); !task.empty()) return task;
  std::string out;
  for (const auto& [name, value] : read->items())
    if (value.is_string()) out += (out.empty() ? "" : " ") + value.get<std::string>();
  return out;
}

}  // namespace

void machine::receive(std::string_view message, std::int64_t now_ms, output& out) {
  const auto e = gateway::parse_object(message);
  if (!e) return out.add(odd{"bad_messages"});
  take(*e, now_ms, out);
}

void machine::called(const std::string& id, const std::string& name, const std::string& arguments,
                     output& out) {
  if (id.empty() || id.size() > longest_id) return out.add(odd{"bad_calls"});
  const auto key = key_of(id);
  const auto is_it = [&](const auto& a) { return a.first == key; };
  if (calls_.count(key) > 0 || std::ranges::any_of(answered_, is_it)) return;
  if (calls_.size() >= most_calls) return out.add(odd{"too_many_calls"});
  calls_[key] = {id, conversation_};
  if (!name.empty() && name != settings_.function) {
    out.add(odd{"unknown_functions"});
    return result(key, "there is no function of this name", out);
  }
  auto task = task_of(arguments);
  if (task.empty()) {
    out.add(odd{"bad_calls"});
    return result(key, "the task is missing", out);
  }
  out.add(call{key, cut_text(std::move(task), longest_task)});
}

void machine::result(const std::string& id, const std::string& text, output& out) {
  const auto at = calls_.find(id);
  if (at == calls_.end()) return;
  const auto to = at->second;
  close_call(at);
  if (to.conversation == conversation_) return send_result(to.id, text, out);
  send_as_words("Result of what was asked: " + text, out);
}

/// Some protocols have no message of the system within a conversation: the words themselves say whose
/// they are.
void machine::say(const std::string& text, output& out) {
  send_as_words("Not from the person. Tell the person now, in these words: " + text, out);
}

void machine::not_told(const std::string& id) {
  const auto at = std::ranges::find_if(answered_, [&](const auto& a) { return a.first == id; });
  if (at == answered_.end()) return;
  calls_.insert(std::move(*at));
  answered_.erase(at);
}

void machine::listens(bool again, output& out) {
  if (std::exchange(is_ready_, true)) return;
  if (!again) ++conversation_;
  out.add(ready{again});
}

/// A call's name for the graph: what one conversation calls "1" is not what the next one does.
std::string machine::key_of(const std::string& id) const {
  return conversation_ <= 1 ? id : fmt::format("{}:{}", conversation_, id);
}

void machine::close_call(std::map<std::string, asked>::iterator at) {
  answered_.emplace_back(at->first, std::move(at->second));
  if (answered_.size() > most_answered) answered_.pop_front();
  calls_.erase(at);
}

void machine::over(const std::string& id, output& out) {
  const auto key = key_of(id);
  const auto at = calls_.find(key);
  if (at == calls_.end()) return;
  close_call(at);
  out.add(call_over{key});
}

std::optional<std::vector<float>> machine::decoded(const json& base64,
                                                   const gateway::sound_format& f, output& out) {
  const auto wrong = [&](const char* counter) {
    out.add(odd{counter});
    return std::nullopt;
  };
  if (!base64.is_string()) return wrong("bad_sound");
  const auto& text = base64.get_ref<const std::string&>();
  if (text.size() > most_sound_bytes / 3 * 4) return wrong("oversized_sound");
  auto bytes = gateway::decode_base64(text);
  if (!bytes) return wrong("bad_sound");
  bytes->resize(bytes->size() / f.bytes_per_sample() * f.bytes_per_sample());
  auto samples = reader_.read(*bytes, f);
  if (!samples) return wrong("bad_sound");
  return std::move(*samples);
}

json machine::function() const {
  return {{"type", "function"},
          {"name", settings_.function},
          {"description", settings_.function_summary},
          {"parameters",
           {{"type", "object"},
            {"properties", {{"task", {{"type", "string"}}}}},
            {"required", json::array({"task"})}}}};
}

std::optional<protocol_kind> protocol_named(std::string_view name) {
  if (name == "realtime") return protocol_kind::realtime;
  if (name == "live") return protocol_kind::live;
  if (name == "gemini") return protocol_kind::gemini;
  if (name == "vllm_duplex") return protocol_kind::vllm_duplex;
  if (name == "hocket") return protocol_kind::hocket;
  return std::nullopt;
}

std::unique_ptr<machine> make_machine(protocol_kind k, settings s) {
  switch (k) {
    case protocol_kind::realtime: return std::make_unique<realtime>(std::move(s), false);
    case protocol_kind::vllm_duplex: return std::make_unique<realtime>(std::move(s), true);
    case protocol_kind::live: return std::make_unique<live>(std::move(s));
    case protocol_kind::gemini: return std::make_unique<gemini>(std::move(s));
    case protocol_kind::hocket: return std::make_unique<own>(std::move(s));
  }
  return nullptr;
}

std::string address(const std::string& base, std::string_view path, std::string_view query) {
  auto out = base;
  if (out.starts_with("http")) out.replace(0, 4, "ws");
  while (out.ends_with('/')) out.pop_back();
  // "/v1/live/sessions" behind ".../v1" is not ".../v1/v1/live/sessions".
  auto rest = path;
  for (auto cut = path.size(); cut > 0; --cut)
    if (out.ends_with(path.substr(0, cut)) && (cut == path.size() || path[cut] == '/')) {
      rest = path.substr(cut);
      break;
    }
  out += rest;
  if (!query.empty()) out += "?" + std::string(query);
  return out;
}

}  // namespace hocket::remote
