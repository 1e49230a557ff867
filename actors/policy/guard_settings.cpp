// What a grown-up sets for a conversation of minors.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "actors/policy/guard.hpp"

namespace hocket::policy {
namespace {

constexpr std::size_t settings_bytes = 4096;
constexpr std::chrono::seconds last_words{30};

}  // namespace

// Asked without a change it says what holds. Who sends knows the key; the bounds are the policy's all the same.
void guard::take_settings(const text& t, emitter& out) {
  if (config_.people != "minors" || !rules_.grown_up.has_any())
    return tell_settings("the policy lets nobody set anything in this conversation", t.request,
                         out);
  const auto wanted = nlohmann::json::parse(t.value.substr(0, settings_bytes), nullptr, false);
  auto next = changed(settings_, wanted, rules_.grown_up, midnight_min_.has_value());
  context_.count(next ? "settings" : "settings_refused", 1);
  if (!next) return tell_settings(next.error().message, t.request, out);
  use_settings(std::move(*next), out);
  tell_settings("", t.request, out);
}

void guard::tell_settings(const std::string& problem, std::uint64_t request, emitter& out) {
  nlohmann::json told{{"settings", to_json(settings_)},
                      {"may", to_json(rules_.grown_up, midnight_min_.has_value())}};
  if (!problem.empty()) told["problem"] = problem;
  // A name of his that was shortened may end within a letter.
  auto line = told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  send(settings_out,
       make_packet(context_.time->now(), text{std::move(line), "policy", request, true}), out);
}

void guard::use_settings(grown_up_settings s, emitter& out) {
  const auto before = std::exchange(settings_, std::move(s));
  if (settings_.leaves != before.leaves) {
    context_.log(settings_.leaves ? "a grown-up ended the mode for minors"
                                  : "the mode for minors holds again");
    for (auto* w : {&heard_, &said_, &typed_}) *w = std::make_unique<watch>(rules_, has_minors());
    results_.clear();
  }
  // Recorders that were told do not begin again in this conversation.
  if (before.recordings && !settings_.recordings)
    forget_recordings({{"forget", "recordings"}, {"policy", rules_.name}, {"topic", "recordings"}},
                      out);
  // What is about to end it ends it all the same, and says goodbye once.
  const bool is_as_long =
      settings_.leaves == before.leaves && settings_.length_min == before.length_min;
  if (is_as_long || closes_at_ != timestamp::max()) return;
  for (std::size_t i = 0; i < due_.size(); ++i) {
    const auto& n = rules_.notices[i];
    if (!n.only_minors || !n.ends) continue;
    const auto after = n.between ? n.after_min : settings_.length_min.value_or(n.after_min);
    due_[i] = has_minors() ? began_ + minutes(after) : timestamp::max();
  }
}

bool guard::is_out_of_hours(timestamp now) const {
  if (!has_minors() || !settings_.hours || !midnight_min_) return false;
  const auto past = static_cast<int>((now - timestamp{}) / std::chrono::minutes(1) % 1440);
  return !settings_.hours->has((*midnight_min_ + past + 2 * 1440) % 1440);
}

// It says goodbye as at bedtime, and ends.
void guard::keep_hours(timestamp now, emitter& out) {
  if (!is_out_of_hours(now) || closes_at_ <= now + last_words) return;
  const auto bedtime =
      std::ranges::find_if(rules_.notices, [](const notice& n) { return n.only_minors && n.ends; });
  if (bedtime != rules_.notices.end()) say(bedtime->say, out);
  context_.count("out_of_hours", 1);
  closes_at_ = now + last_words;
}

}  // namespace hocket::policy
