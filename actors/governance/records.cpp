#include "actors/governance/records.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace hocket::governance {
namespace {

using nlohmann::json;

json body_of(const entry& e) { return e.body ? *e.body : json::object(); }

std::string text_at(const json& j, const char* a, const char* b = nullptr) {
  const auto v = j.is_object() ? j.value(a, json()) : json();
  if (b != nullptr) return text_at(v, b);
  return v.is_string() ? v.get<std::string>() : "";
}

std::string need(const char* what, const std::string& name) {
  return fmt::format("{} of `{}` needs a reason", what, name);
}

/// For whoever writes at the moment; the next look is soon.
constexpr std::chrono::milliseconds waits(20);

std::string weights_of(const json& card) { return text_at(card, "weights", "sha256"); }

/// Why an adapter that was made on the model `named` is not for the model `is`; empty: it is, or one of both
/// is not known. Both are SHA-256 sums. `name`: what the card calls its model.
std::string other_base(const std::string& named, const std::string& is, const std::string& name) {
  if (named.empty() || is.empty() || named == is) return {};
  constexpr std::size_t shown = 12;
  return fmt::format("it was made on {}the model of SHA-256 {}…, and is to be loaded on {}…",
                     name.empty() ? "" : "`" + name + "`, ", named.substr(0, shown),
                     is.substr(0, shown));
}

using scores = std::map<std::string, double>;

void judge_scores(const gate_rules& rules, const scores& own, const scores& parents, verdict& v) {
  for (const auto& r : rules.scores) {
    const auto at = own.find(r.name);
    if (at == own.end())
      v.refuse(refusal::no_score, fmt::format("no evaluation has `{}`", r.name));
    else if (!(at->second >= r.least))
      v.refuse(refusal::low_score, fmt::format("`{}` is {:.4g}, at least {:.4g} is asked", r.name,
                                               at->second, r.least));
  }
  for (const auto& s : rules.not_worse) {
    const auto is = own.find(s), was = parents.find(s);
    if (is == own.end() || was == parents.end())
      v.refuse(refusal::not_compared, fmt::format("no evaluation compares `{}`", s));
    else if (is->second < was->second)
      v.refuse(refusal::got_worse,
               fmt::format("`{}` fell from {:.4g} to {:.4g}", s, was->second, is->second));
  }
}

/// Licence and consent of what it was made of, by its card.
void judge_data(const gate_rules& rules, const json& known, verdict& v) {
  const auto one_of = [&](refusal r, const char* what, const std::string& is,
                          const std::vector<std::string>& all) {
    if (!all.empty() && std::ranges::find(all, is) == all.end())
      v.refuse(r, fmt::format("the {} `{}` is none of: {}", what, is, fmt::join(all, ", ")));
  };
  one_of(refusal::licence, "licence", text_at(known, "data", "licence"), rules.licences);
  one_of(refusal::consent, "consent class", text_at(known, "data", "consent"), rules.consents);
}

}  // namespace

result<records> records::open(const std::string& path, const std::string& policy_path) {
  auto rules = read_policy(policy_path);
  if (!rules) return fail(rules);
  auto in = ledger::open(path);
  if (!in) return fail(in);
  return records(std::move(*in), std::move(*rules));
}

result<void> records::add_card(const json& card, const std::string& tenant) {
  const auto done = ledger_.append("card", text_at(card, "name"), card, tenant);
  if (!done) return fail(done);
  return {};
}

result<void> records::add_evaluation(const std::string& name, const std::string& what,
                                     const std::map<std::string, double>& scores,
                                     const std::string& weights_sha256) {
  for (const auto& [score, value] : scores)
    if (!std::isfinite(value))
      return fail("governance.bad_score",
                  fmt::format("the score `{}` of `{}` is {}, and must be a finite number", score,
                              name, value));
  auto weights = weights_sha256;
  if (weights.empty()) {
    const auto known = newest_card(name);
    if (!known) return fail(known);
    weights = weights_of(*known);
  }
  const auto done = ledger_.append(
      "evaluation", name, {{"what", what}, {"scores", scores}, {"weights_sha256", weights}});
  if (!done) return fail(done);
  return {};
}

result<void> records::add_export(const std::string& name, const std::string& to) {
  const auto done = ledger_.append("export", name, json::object({{"to", to}}));
  if (!done) return fail(done);
  return {};
}

result<void> records::add_override(const std::string& name, gate g, const std::string& reason) {
  if (reason.empty()) return fail("governance.no_reason", need("an override", name));
  const auto known = newest_card(name);
  if (!known) return fail(known);
  const auto done = ledger_.append(
      "override", name,
      {{"gate", to_string(g)}, {"reason", reason}, {"weights_sha256", weights_of(*known)}});
  if (!done) return fail(done);
  return {};
}

result<json> records::card(const std::string& name) const {
  const auto all = ledger_.list("", name);
  if (!all) return fail(all);
  json card;
  std::map<std::string, json> lists;
  for (const auto& e : *all) {
    if (e.subject != name) continue;  // a name may end as a prefix does
    auto body = body_of(e);
    if (e.kind == "card") {
      card = e.body ? std::move(body) : json{{"name", name}, {"erased", true}};
      card["recorded"] = {{"entry", e.seq}, {"at", e.at}, {"hash", e.hash}};
      continue;
    }
    body["at"] = e.at, body["entry"] = e.seq;
    lists[e.kind == "incident" ? "incidents" : e.kind + "s"].push_back(std::move(body));
  }
  if (card.is_null())
    return fail("governance.no_card",
                fmt::format("{}: nothing is known of an adapter `{}`", ledger_.path(), name));
  for (auto& [key, list] : lists)
    for (auto& each : list) card[key].push_back(std::move(each));
  const auto stopped = frozen();
  if (!stopped) return fail(stopped);
  card["frozen"] = stopped->contains(name);
  return card;
}

std::vector<std::string> records::names() const {
  std::vector<std::string> out;
  if (const auto all = ledger_.list("card"))
    for (const auto& e : *all)
      if (std::ranges::find(out, e.subject) == out.end()) out.push_back(e.subject);
  return out;
}

result<std::map<std::string, std::string>> records::weights_by_name() const {
  const auto all = ledger_.list("card");
  if (!all) return fail(all);
  std::map<std::string, std::string> out;
  for (const auto& e : *all) out[e.subject] = e.body ? weights_of(*e.body) : "";
  return out;
}

result<json> records::newest_card(const std::string& name) const {
  const auto all = ledger_.list("card", name);
  if (!all) return fail(all);
  json card;
  for (const auto& e : *all)
    if (e.subject == name) card = e.body ? *e.body : json();
  return card;
}

result<std::map<std::string, double>> records::scores_of(const std::string& name,
                                                         std::string weights) const {
  const auto known = newest_card(name);
  if (!known) return fail(known);
  if (weights.empty()) weights = weights_of(*known);
  const auto all = ledger_.list("evaluation", name);
  if (!all) return fail(all);
  std::map<std::string, double> out;
  for (const auto& e : *all) {
    if (e.subject != name) continue;
    const auto body = body_of(e);
    if (text_at(body, "weights_sha256") != weights) continue;  // of other weights
    const auto scores = body.value("scores", json::object());
    for (const auto& [key, value] : scores.items())
      if (value.is_number() && std::isfinite(value.get<double>())) out[key] = value.get<double>();
  }
  return out;
}

result<verdict> records::may(gate g, const std::string& name, const std::string& weights_sha256,
                             const loaded_on& on) {
  const auto& rules = policy_.of(g);
  verdict v;
  const auto found = card(name);
  if (!found && found.error().code != "governance.no_card") return fail(found);
  const bool is_erased = found && found->value("erased", false);
  const bool is_of_others =
      found && !is_erased && !weights_sha256.empty() && weights_of(*found) != weights_sha256;
  const bool has_card = found && !is_erased && !is_of_others;
  const auto known = has_card ? *found : json::object();
  const auto own = scores_of(name, weights_sha256), parents = scores_of(text_at(known, "parent"));
  if (!own) return fail(own);
  if (!parents) return fail(parents);
  const auto stopped = frozen();
  if (!stopped) return fail(stopped);
  if (!has_card && rules.needs_card)
    is_of_others ? v.refuse(refusal::other_weights, "its card is of other weights")
    : is_erased  ? v.refuse(refusal::erased_card, "its card was erased")
                 : v.refuse(refusal::no_card, "it has no card");
  judge_scores(rules, *own, *parents, v);
  judge_data(rules, known, v);
  const auto base = text_at(known, "base_model", "sha256");
  if (auto why = other_base(base.empty() ? on.named : base, on.sha256,
                            text_at(known, "base_model", "name"));
      !why.empty())
    v.refuse(refusal::other_base, std::move(why));
  v.passed = v.why.empty();
  if (!v.passed)
    for (const auto& o : known.value("overrides", json::array()))
      if (text_at(o, "gate") == to_string(g) && text_at(o, "weights_sha256") == weights_of(known))
        v.passed = v.by_override = true;
  if (stopped->contains(name)) {
    v.passed = v.by_override = false;
    v.refuse(refusal::incident, "an incident froze it");
  }
  auto names = json::array();
  for (const auto r : v.refused_as) names.push_back(line_of(r).name);
  const auto told = ledger_.append("gate", name,
                                   {{"gate", to_string(g)},
                                    {"passed", v.passed},
                                    {"by_override", v.by_override},
                                    {"why", v.why},
                                    {"refused_as", names}});
  if (!told) return fail(told);
  return v;
}

result<void> records::open_incident(const std::string& name, const std::string& reason) {
  if (reason.empty()) return fail("governance.no_reason", need("an incident", name));
  const auto entries = ledger_.list("", name);
  if (!entries) return fail(entries);
  // A name may end as a prefix does. A graph that runs has no card.
  if (std::ranges::none_of(*entries, [&](const entry& e) {
        return e.subject == name && (e.kind == "card" || e.kind == "run");
      }))
    return fail("governance.no_card",
                fmt::format("{}: nothing is known of `{}`", ledger_.path(), name));
  const auto done = ledger_.append("incident", name, {{"state", "open"}, {"reason", reason}});
  if (!done) return fail(done);
  return {};
}

result<void> records::close_incident(const std::string& name, const std::string& reason) {
  if (reason.empty()) return fail("governance.no_reason", need("the end of an incident", name));
  const auto all = ledger_.list("incident", name);
  if (!all) return fail(all);
  std::string state = "closed";
  for (const auto& e : *all)
    if (e.subject == name) state = text_at(body_of(e), "state");
  if (state == "closed")
    return fail("governance.no_incident", "`" + name + "` has no open incident");
  const auto done = ledger_.append("incident", name, {{"state", "closed"}, {"reason", reason}});
  if (!done) return fail(done);
  return {};
}

result<std::set<std::string>> records::frozen() const {
  const auto all = ledger_.list("incident");
  if (!all) return fail(all);
  std::set<std::string> out;
  for (const auto& e : *all) {
    if (text_at(body_of(e), "state") == "open")
      out.insert(e.subject);
    else if (text_at(body_of(e), "state") == "closed")  // `noted` freezes and thaws nothing
      out.erase(e.subject);
  }
  return out;
}

result<std::vector<refused_adapter>> records::refused() const {
  const auto gates = ledger_.list("gate"), incidents = ledger_.list("incident");
  if (!gates) return fail(gates);
  if (!incidents) return fail(incidents);
  std::map<std::pair<std::string, std::string>, refused_adapter> newest;
  const auto texts = [](const json& all) {
    std::vector<std::string> out;
    for (const auto& t : all)
      if (t.is_string()) out.push_back(t);
    return out;
  };
  for (const auto& e : *gates) {
    const auto body = body_of(e);
    const auto at = text_at(body, "gate");
    newest.erase({e.subject, at});
    if (body.value("passed", false)) continue;
    newest[{e.subject, at}] = {e.subject, at, e.at, texts(body.value("why", json::array())),
                               texts(body.value("refused_as", json::array()))};
  }
  for (const auto& e : *incidents) {
    const auto state = text_at(body_of(e), "state");
    if (state == "noted") continue;
    newest.erase({e.subject, "every"});
    if (state == "open")
      newest[{e.subject, "every"}] = {e.subject,
                                      "every",
                                      e.at,
                                      {"an incident: " + text_at(body_of(e), "reason")},
                                      {std::string(line_of(refusal::incident).name)}};
  }
  std::vector<refused_adapter> out;
  for (auto& [_, each] : newest) out.push_back(std::move(each));
  return out;
}

std::chrono::milliseconds patience_with(const error& why) {
  return std::chrono::seconds(why.code == "ledger.in_use" ? 30 : 2);
}

result<std::optional<std::set<std::string>>> incident_watch::changed() {
  // Kept only where it was read to its end: after a look that failed the files may be as before, and what is
  // known of them is not.
  const auto before = std::exchange(seen_, {});
  std::string stamp;
  for (const auto& file : {path_, path_ + ".seal"}) {
    struct stat now {};
    if (::stat(file.c_str(), &now) != 0)
      return fail("ledger.cannot_open", file + ": it is missing or cannot be looked at");
    stamp += fmt::format("{}.{}.{}.{} ", now.st_ino, now.st_size, now.st_mtim.tv_sec,
                         now.st_mtim.tv_nsec);
  }
  if (stamp == before) {
    seen_ = std::move(stamp);
    return std::nullopt;
  }
  auto in = ledger::open(path_, false, waits);
  if (!in) return fail(in);
  auto stopped = records(std::move(*in)).frozen();
  if (!stopped) return fail(stopped);
  seen_ = std::move(stamp);
  return std::move(*stopped);
}

}  // namespace hocket::governance
