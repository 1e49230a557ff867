// A grown-up's settings for conversations of minors: asked for with his key, held to the policy by the guard.
#include <filesystem>

#include <nlohmann/json.hpp>

#include "actors/gateway/door/client.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::gateway {
namespace {

constexpr const char* settings_file = "grown_up.json";
constexpr std::size_t most_bytes = 16 << 20, most_kept = 4096, most_waiting = 32, most_asked = 16;

}  // namespace

// The key goes no further than here.
void gateway::open_settings(client& c, show_settings& asked, emitter& out) {
  // The conversation opens behind `hello`: whoever asks at once waits for it.
  if (c.session == session_id::none && c.is_opening && keys_->has_grown_up() &&
      c.waiting.size() < most_waiting)
    return c.waiting.push_back(std::move(asked));
  const auto key = std::exchange(asked.key, {});
  if (c.session == session_id::none || !keys_->has_grown_up())
    return tell(c, settings_told{{}, {}, "no_settings", "nothing can be set in this conversation"},
                out);
  switch (keys_->open_settings(key, c.key_name, key_ring::clock::now())) {
    case key_ring::opens::no:
      context_.count("wrong_keys", 1);
      return tell(c, settings_told{{}, {}, "wrong_key", "this key opens no settings"}, out);
    case key_ring::opens::too_often:
      context_.count("wrong_keys", 1);
      return tell(c, settings_told{{}, {}, "too_often", "too many wrong keys: wait a minute"}, out);
    case key_ring::opens::yes: break;
  }
  const auto number = send_settings(c, asked.changes, out);
  c.asked_at = context_.time->now();
  if (c.asked_settings.size() >= most_asked) c.asked_settings.erase(c.asked_settings.begin());
  c.asked_settings.emplace(number, std::move(asked.changes));
}

std::uint64_t gateway::send_settings(client& c, const json& changes, emitter& out) {
  const auto number = ++c.settings_sent;
  out.for_session(c.session);
  out.emit(settings_out, context_.time->now(), text{line_of(changes), "grown_up", number});
  return number;
}

// What the guard took holds for later conversations of the same key, too: but for leaving the mode, which is of one.
void gateway::settings_from_guard(client& c, const packet& p, emitter& out) {
  const auto* t = p.get_if<text>();
  const auto told = t != nullptr ? parse_object(t->value) : fail("gateway.no_text", "");
  if (!told) return;
  const auto problem = text_of(*told, "problem");
  const auto found = c.asked_settings.extract(t->request);
  const bool asked = !found.empty();
  if (asked && problem.empty() && !found.mapped().empty()) {
    auto kept = member(*told, "settings");
    if (kept.is_object()) {
      kept.erase("leave");
      // What is not his to set is none of the next guard's questions.
      for (const auto& [name, may] : member(*told, "may").items())
        if (may.is_null() || may == false || (may.is_array() && may.empty())) kept.erase(name);
      if (settings_.contains(c.key_name) || settings_.size() < most_kept)
        settings_[c.key_name] = kept;
      keep_settings();
    }
  }
  if (!asked && !problem.empty()) context_.log("a grown-up's settings do not hold: " + problem);
  if (!asked) return;
  if (problem.empty())
    tell(c, settings_told{member(*told, "settings"), member(*told, "may"), "", ""}, out);
  else
    tell(c, settings_told{{}, {}, "bad_setting", problem}, out);
}

void gateway::read_settings() {
  if (!keys_->has_grown_up()) return;
  const auto folder = trust::folder::open(context_.output_dir);
  const auto text =
      folder ? folder->read(settings_file, most_bytes) : result<std::string>(fail(folder));
  const auto all = text ? parse_object(*text) : result<json>(fail(text));
  if (!all) {
    std::error_code none;
    if (std::filesystem::exists(std::filesystem::path(context_.output_dir) / settings_file, none))
      context_.log(std::string("a grown-up's settings do NOT hold until they are set anew: ") +
                   settings_file + ": " + all.error().message);
    return;  // else nobody set anything yet
  }
  for (const auto& [name, set] : all->items())
    if (set.is_object()) settings_[name] = set;
}

void gateway::keep_settings() {
  json all = json::object();
  for (const auto& [name, set] : settings_) all[name] = set;
  const auto folder = trust::folder::open(context_.output_dir);
  const auto done =
      folder ? folder->write(settings_file, line_of(all)) : result<void>(fail(folder));
  if (!done) context_.log("a grown-up's settings hold until the run ends: " + done.error().message);
}

}  // namespace hocket::gateway
