#include "actors/policy/incident_desk.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "actors/governance/ledger_file.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::policy {
namespace {

/// A ledger that took no entry is asked again every so many ticks.
constexpr std::int64_t again_ticks = 5;
constexpr std::size_t kept_entries = 256, followed_topics = 1024;
/// One entry of a conversation and topic in so long; the next says how many there were.
constexpr std::chrono::seconds one_entry(10);
/// Of a line of a guard; what is longer is none.
constexpr std::size_t line_bytes = 4096;
/// Of one try to tell the webhook, and before the second.
constexpr int answer_ms = 10'000, backoff_ms = 1000;

/// What a guard says of an incident, and nothing else of the object: no other field can carry words along.
nlohmann::json known_fields(const std::string& line) {
  const auto given = nlohmann::json::parse(line.substr(0, line_bytes), nullptr, false);
  nlohmann::json out = nlohmann::json::object();
  if (!given.is_object()) return out;
  for (const char* key : {"policy", "topic", "rule", "where", "did"})
    if (given.contains(key) && given.at(key).is_string())
      out[key] = given.at(key).get<std::string>().substr(0, 200);
  if (given.contains("times") && given.at("times").is_number_integer())
    out["times"] = given.at("times");
  return out;
}

}  // namespace

void incident_desk::config::visit(config_visitor& v) {
  v.field({.name = "ledger",
           .doc = "where incidents are recorded; `hocket incident`, `hocket audit` read it",
           .is_output = true},
          ledger);
  v.field({.name = "name", .doc = "what the ledger calls it; empty: `graph:` and the graph's name"},
          name);
  v.field(
      {.name = "freezes",
       .doc = "topics whose incidents freeze every conversation of the graph until one is closed; "
              "`*`: all"},
      freezes);
  v.field({.name = "webhook", .doc = "address that is told; https, or http of this machine"},
          webhook);
  v.field({.name = "token_env", .doc = "environment variable with the webhook's bearer token"},
          token_env);
  v.field({.name = "secret_env",
           .doc = "variable with the secret that signs (`whsec_` and base64, or any text)"},
          secret_env);
  v.field({.name = "tries", .doc = "of each message to the webhook, at most", .min = 1, .max = 20},
          tries);
}

component_info incident_desk::info() {
  const media_type words{.kind = payload_kind::text}, task{.kind = payload_kind::delegation};
  return {.type = "policy.incidents",
          .summary =
              "Records a guard's incidents in a ledger, tells a webhook, and can freeze the graph.",
          .inputs = {{"incidents", task, "a guard's: JSON, as its task", true,
                      default_queue(payload_kind::delegation)},
                     {"forgotten", task,
                      "of guards, gateways and recorders: that a conversation is, or is to be",
                      false, default_queue(payload_kind::delegation)}},
          .outputs = {{"holds", words, "`frozen` or `free`, for guards"}},
          .scope = instance_scope::shared,
          .blocking = true,
          .ticks = true};
}

result<void> incident_desk::open(const context& where) {
  context_ = where;
  if (config_.name.empty())
    config_.name = "graph:" + (where.graph != nullptr ? where.graph->name() : where.actor);
  HOCKET_TRY(open_ledger());
  return open_webhook();
}

result<void> incident_desk::open_ledger() {
  const auto file =
      governance::ledger_file(*capability_of(context_), output_name(context_, config_.ledger));
  if (!file) return fail(file);
  auto opened = governance::records::open(*file);
  if (!opened) return fail(opened);
  records_.emplace(std::move(*opened));
  watch_.emplace(*file);
  // So that an operator can open an incident of it by name.
  nlohmann::json run{{"actor", context_.actor}};
  if (context_.graph != nullptr)
    run["graph"] = context_.graph->name(), run["hash"] = context_.graph->hash();
  const auto begun = records_->book().append("run", config_.name, run);
  if (!begun) return fail(begun);
  return {};
}

result<void> incident_desk::open_webhook() {
  if (config_.webhook.empty()) return {};
  webhook::sender_setup how{.url = config_.webhook,
                            .where = webhook::reach::own,
                            .secret_env = config_.secret_env,
                            .token_env = config_.token_env,
                            .time_limit_ms = answer_ms};
  how.limits.tries = static_cast<int>(config_.tries);
  how.limits.backoff_ms = backoff_ms;
  auto made = webhook::sender::open(
      std::move(how), context_, [this](const webhook::sender::report& r) { note(r); },
      [this, self = context_.self] {
        if (self)
          self->run([this](emitter&) {
            if (webhook_) webhook_->tell();
          });
      });
  if (!made) return fail(made);
  webhook_ = std::move(*made);
  return {};
}

void incident_desk::note(const webhook::sender::report& r) {
  const auto& n = r.added;
  if (n.delivered > 0) context_.count("notified", static_cast<std::int64_t>(n.delivered));
  const auto lost = n.refused + n.gave_up + n.dropped;
  if (lost > 0) context_.count("notify_failed", static_cast<std::int64_t>(lost));
  for (const auto& l : r.lost)
    context_.log(
        l.tries == 0
            ? fmt::format("{}: the webhook was not told: too many waited, or the run ended", l.name)
            : fmt::format(
                  "{}: the webhook was not told after {} tries ({})", l.name, l.tries,
                  l.last.status == 0 ? "no answer" : fmt::format("status {}", l.last.status)));
}

bool incident_desk::freezes(const std::string& topic) const {
  return std::ranges::any_of(config_.freezes,
                             [&](const std::string& t) { return t == "*" || t == topic; });
}

// What of it was kept, by whom, and that it is gone: the proof, in the chain. No other field can carry words along.
void incident_desk::take_forgotten(const packet& p) {
  const auto given =
      nlohmann::json::parse(p.get_if<delegation>()->task.substr(0, line_bytes), nullptr, false);
  if (!given.is_object() || !given.contains("forget")) return context_.count("no_incident", 1);
  nlohmann::json body{{"session", static_cast<std::uint64_t>(p.header.session)},
                      {"at_ms", p.header.ts.ms()}};
  for (const char* key : {"forget", "policy", "topic", "keeper"})
    if (given.contains(key) && given.at(key).is_string())
      body[key] = given.at(key).get<std::string>().substr(0, 200);
  for (const char* key : {"files", "bytes"})
    if (given.contains(key) && given.at(key).is_number_integer()) body[key] = given.at(key);
  unrecorded_.push_back({"forgotten", std::move(body)});
  if (!record_all()) context_.count("unrecorded", 1);
}

result<void> incident_desk::process(std::size_t port, const packet& p, emitter& out) {
  const auto* d = p.get_if<delegation>();
  if (d == nullptr) return {};
  if (port == 1) return take_forgotten(p), result<void>();
  auto body = known_fields(d->task);
  if (!body.contains("topic")) {
    context_.count("no_incident", 1);
    return {};
  }
  const auto topic = body.at("topic").get<std::string>();
  const bool freeze = freezes(topic), is_new = freeze && !is_frozen_;
  // First what stops people from coming to harm, then the books.
  if (is_new) hold(true, out);
  body["session"] = static_cast<std::uint64_t>(p.header.session);
  body["at_ms"] = p.header.ts.ms();
  body["state"] = freeze ? "open" : "noted";
  body["reason"] = fmt::format("{} in {}", topic, body.value("where", "?"));
  const auto key = std::pair(p.header.session, topic);
  if (const auto at = recent_.find(key); at != recent_.end() && !is_new) {
    ++at->second.more;
    at->second.body = std::move(body);
    context_.count("repeated", 1);
    return {};
  }
  if (recent_.size() < followed_topics)
    recent_.insert_or_assign(key, repeated{context_.time->now() + one_entry, 0, {}});
  keep(std::move(body));
  return {};
}

void incident_desk::keep(nlohmann::json body) {
  body["incident"] = next_++;
  // A freeze is ours until the ledger says it: no look at the ledger ends it before.
  unrecorded_.push_back({"incident", body});
  if (!record_all()) context_.count("unrecorded", 1);
  notify(std::move(body));
}

// In order. Whether all is in the ledger.
bool incident_desk::record_all() {
  while (!unrecorded_.empty()) {
    const auto& next = unrecorded_.front();
    const auto done = records_->book().append(next.kind, config_.name, next.body);
    if (!done) {
      if (!is_unable_) context_.log("the ledger: " + done.error().message);
      is_unable_ = true;
      if (unrecorded_.size() > kept_entries) drop_entry();
      return false;
    }
    is_unable_ = false;
    context_.count("recorded", 1);
    unrecorded_.pop_front();
  }
  return true;
}

// What froze nothing goes first.
void incident_desk::drop_entry() {
  const auto noted = std::ranges::find_if(
      unrecorded_, [](const unrecorded& e) { return e.body.value("state", "") == "noted"; });
  unrecorded_.erase(noted == unrecorded_.end() ? std::prev(noted) : noted);
  context_.count("lost_entries", 1);
}

bool incident_desk::is_by_us() const {
  return std::ranges::any_of(
      unrecorded_, [](const unrecorded& e) { return e.body.value("state", "") == "open"; });
}

void incident_desk::count_repeated(timestamp now) {
  for (auto at = recent_.begin(); at != recent_.end();) {
    auto& [until, more, body] = at->second;
    if (now >= until && more == 0) {
      at = recent_.erase(at);
      continue;
    }
    if (now >= until) {
      body["count"] = more;
      // What began it froze the graph; a count that comes after its close must not.
      body["state"] = "noted";
      keep(std::exchange(body, {}));
      until = context_.time->now() + one_entry, more = 0;
    }
    ++at;
  }
}

void incident_desk::notify(nlohmann::json body) {
  if (!webhook_) return;
  const auto number = body.value("incident", std::int64_t{0});
  body["name"] = config_.name;
  body["time"] = governance::utc_now();
  const bool is_urgent = body.value("state", "") != "noted";
  const bool has_room =
      webhook_->post({.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                      .name = number == 0 ? "a freeze" : fmt::format("incident {}", number),
                      .is_urgent = is_urgent,
                      .hold = context_.hold()});
  if (!has_room) webhook_->tell();
}

// To all conversations, those among them that began meanwhile.
void incident_desk::hold(bool frozen, emitter& out) {
  if (frozen && !is_frozen_) context_.count("frozen", 1);
  is_frozen_ = frozen;
  out.for_session(session_id::none);
  out.emit(0, make_packet(context_.time->now(), text{frozen ? "frozen" : "free", "policy"}));
}

void incident_desk::look(emitter& out) {
  const auto now = context_.time->now();
  auto seen = watch_->changed();
  if (!seen) return stay_blind(now, seen.error(), out);
  blind_since_.reset();
  if (*seen) {
    const bool frozen = (*seen)->contains(config_.name) || is_by_us();
    if (frozen != is_frozen_) {
      is_frozen_ = frozen;
      if (frozen) context_.count("frozen", 1);
      const std::string_view thaws =
          is_frozen_by_blindness_ ? "the ledger can be read again" : "the incident was closed";
      context_.log(frozen ? "frozen: the ledger has an open incident"
                          : fmt::format("free: {}", thaws));
      notify({{"state", frozen ? "open" : "closed"},
              {"reason", frozen || !is_frozen_by_blindness_ ? "by an operator" : thaws}});
    }
    is_frozen_by_blindness_ = false;
  }
  // Again at every look: a conversation that begins waits for this word.
  hold(is_frozen_, out);
}

// Whoever cannot see incidents takes everything for frozen after a while.
void incident_desk::stay_blind(timestamp now, const error& why, emitter& out) {
  if (!blind_since_) {
    blind_since_ = now;
    context_.count("blind", 1);
    context_.log("the ledger cannot be read: " + why.message);
  }
  if (is_frozen_) return hold(true, out);
  if (now - *blind_since_ < governance::patience_with(why)) return;
  is_frozen_by_blindness_ = true;
  hold(true, out);
  context_.log("frozen: the ledger cannot be read");
  notify({{"state", "open"}, {"reason", "the ledger cannot be read"}});
}

result<void> incident_desk::tick(std::int64_t, emitter& out) {
  if (++ticks_ % again_ticks == 0) (void)record_all();
  count_repeated(context_.time->now());
  look(out);
  return {};
}

result<void> incident_desk::close(emitter&) {
  count_repeated(timestamp::max());
  (void)record_all();
  if (webhook_) webhook_->finish();
  webhook_.reset();
  return {};
}

}  // namespace hocket::policy
