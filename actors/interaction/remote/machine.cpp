#include "actors/interaction/remote/machine.hpp"

#include <algorithm>

#include "actors/interaction/remote/gemini.hpp"
#include "actors/interaction/remote/live.hpp"
#include "actors/interaction/remote/own.hpp"
#include "actors/interaction/remote/realtime.hpp"

namespace hocket::remote {
namespace {

constexpr std::size_t most_answered = 256;
constexpr std::size_t longest_id = 256;
constexpr std::size_t longest_task = 480;  // the background refuses tasks over 500

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
  if (calls_.count(id) > 0 || std::ranges::find(answered_, id) != answered_.end()) return;
  if (calls_.size() >= most_calls) return out.add(odd{"too_many_calls"});
  calls_.insert(id);
  if (!name.empty() && name != settings_.function) {
    out.add(odd{"unknown_functions"});
    return result(id, "there is no function of this name", out);
  }
  auto task = task_of(arguments);
  if (task.empty()) {
    out.add(odd{"bad_calls"});
    return result(id, "the task is missing", out);
  }
  if (task.size() > longest_task) task.resize(longest_task);
  out.add(call{id, std::move(task)});
}

void machine::result(const std::string& id, const std::string& text, output& out) {
  if (calls_.erase(id) == 0) return;
  answered_.push_back(id);
  if (answered_.size() > most_answered) answered_.pop_front();
  send_result(id, text, out);
}

void machine::over(const std::string& id, output& out) {
  if (calls_.erase(id) == 0) return;
  answered_.push_back(id);
  out.add(call_over{id});
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
