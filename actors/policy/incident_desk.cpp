#include "actors/policy/incident_desk.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/governance/card.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::policy {
namespace {

constexpr std::chrono::milliseconds patience(2000);
constexpr std::int64_t again_ticks = 5;
/// Of a line of a guard; what is longer is none.
constexpr std::size_t line_bytes = 4096;

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
  v.field({.name = "tries", .doc = "of each message to the webhook, at most", .min = 1, .max = 20},
          tries);
}

component_info incident_desk::info() {
  const media_type words{.kind = payload_kind::text};
  return {
      .type = "policy.incidents",
      .summary =
          "Records a guard's incidents in a ledger, tells a webhook, and can freeze the graph.",
      .inputs = {{"incidents", words, "a guard's, JSON", true, default_queue(payload_kind::text)}},
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
  const auto file = create_output(context_, config_.ledger, trust::create_as::kept);
  if (!file) return fail(file);
  auto opened = governance::records::open(file->path());
  if (!opened) return fail(opened);
  records_.emplace(std::move(*opened));
  watch_.emplace(file->path());
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
  HOCKET_TRY(webhook::check(config_.webhook));
  if (context_.may) HOCKET_TRY(context_.may->address(config_.webhook));
  webhook::setup how{config_.webhook, "", static_cast<int>(config_.tries)};
  if (!config_.token_env.empty()) {
    if (context_.may) HOCKET_TRY(context_.may->variable(config_.token_env));
    const char* token = std::getenv(config_.token_env.c_str());
    if (token == nullptr)
      return fail("policy.bad_webhook", "the environment has no variable `" + config_.token_env +
                                            "` for the webhook's token");
    how.token = token;
  }
  webhook_ = std::make_unique<webhook>(
      std::move(how), [self = context_.self, count = context_.count, log = context_.log](
                          const webhook::message& m, bool delivered, int status, int tries) {
        if (!self) return;
        self->run([=, number = m.number, hold = m.hold](emitter&) {
          count(delivered ? "notified" : "notify_failed", 1);
          if (!delivered)
            log(fmt::format("incident {}: the webhook was not told after {} tries ({})", number,
                            tries, status == 0 ? "no answer" : fmt::format("status {}", status)));
        });
      });
  return {};
}

bool incident_desk::freezes(const std::string& topic) const {
  return std::ranges::any_of(config_.freezes,
                             [&](const std::string& t) { return t == "*" || t == topic; });
}

result<void> incident_desk::process(std::size_t, const packet& p, emitter& out) {
  const auto* t = p.get_if<text>();
  if (t == nullptr) return {};
  auto body = known_fields(t->value);
  if (!body.contains("topic")) {
    context_.count("no_incident", 1);
    return {};
  }
  const bool freeze = freezes(body.at("topic").get<std::string>());
  // First what stops people from coming to harm, then the books.
  if (freeze) {
    is_by_us_ = true;
    hold(true, out);
  }
  body["incident"] = next_++;
  body["session"] = static_cast<std::uint64_t>(p.header.session);
  body["at_ms"] = p.header.ts.ms();
  body["state"] = freeze ? "open" : "noted";
  body["reason"] =
      fmt::format("{} in {}", body.at("topic").get<std::string>(), body.value("where", "?"));
  record(body);
  notify(std::move(body));
  return {};
}

void incident_desk::record(const nlohmann::json& body) {
  const auto done = records_->book().append("incident", config_.name, body);
  context_.count(done ? "recorded" : "unrecorded", 1);
  if (!done) context_.log("the ledger: " + done.error().message);
}

void incident_desk::notify(nlohmann::json body) {
  if (!webhook_) return;
  const auto number = body.value("incident", std::int64_t{0});
  body["name"] = config_.name;
  body["time"] = governance::utc_now();
  if (!webhook_->post({body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), number,
                       context_.hold()}))
    context_.count("notify_failed", 1);
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
  if (!seen) {
    if (!blind_since_) {
      blind_since_ = now;
      context_.count("blind", 1);
      context_.log("the ledger cannot be read: " + seen.error().message);
    }
    // Whoever cannot see incidents takes everything for frozen after a while.
    if (now - *blind_since_ >= patience && !is_frozen_) hold(true, out);
    return;
  }
  const bool was_blind = blind_since_.has_value();
  blind_since_.reset();
  if (!*seen) {
    if (was_blind && is_frozen_ && !is_by_us_) hold(false, out);
    return;
  }
  const bool frozen = (*seen)->contains(config_.name);
  if (frozen) is_by_us_ = false;
  if (frozen == is_frozen_ || (is_by_us_ && !frozen)) return;
  hold(frozen, out);
  context_.log(frozen ? "frozen: the ledger has an open incident"
                      : "free: the incident was closed");
  notify({{"state", frozen ? "open" : "closed"}, {"reason", "by an operator"}});
}

result<void> incident_desk::tick(std::int64_t, emitter& out) {
  look(out);
  if (is_frozen_ && ++ticks_ % again_ticks == 0) hold(true, out);
  return {};
}

result<void> incident_desk::close(emitter&) {
  webhook_.reset();
  return {};
}

}  // namespace hocket::policy
