#include "actors/gateway/tinker_door/tinker_door.hpp"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "actors/governance/ledger_file.hpp"
#include "actors/governance/process_book.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/contract/capability.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;

constexpr std::size_t most_waiting = 16;  ///< the oldest go: only the newest is used

bool matches(const std::string& pattern, const std::string& name) {
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
}

result<std::string> readable(const context& where, const std::string& path) {
  if (path.empty() || !where.may) return path;
  return where.may->readable(path);
}

}  // namespace

void tinker_door::config::visit(config_visitor& v) {
  v.field({.name = "model",
           .doc = "what is trained: a folder with config.json, a GGUF file, or a package that "
                  "`hocket model get` fetched",
           .required = true,
           .is_path = true},
          how.model);
  v.field({.name = "names", .doc = "under which clients ask for it; none: local/FILE"}, how.names);
  v.field({.name = "listen", .doc = "where clients connect"}, how.address);
  v.field({.name = "keys_file",
           .doc = "API keys as `hocket keys api` writes them; needed beyond loopback",
           .is_path = true},
          how.keys_file);
  v.field({.name = "out", .doc = "folder of checkpoints and runs", .is_output = true}, out);
  v.field({.name = "context", .doc = "longest text", .unit = "tokens", .min = 2, .max = 1e6},
          how.context);
  v.field({.name = "alpha", .doc = "scale of new adapters, times their rank", .min = 1e-6},
          how.alpha);
  v.field(
      {.name = "precision",
       .doc = "of products with the model's weights; sums are fp32. bfloat16 is several times as "
              "fast where the processor multiplies it",
       .choices = {"fp32", "bfloat16"}},
      how.precision);
  v.field({.name = "work",
           .doc = "who trains and samples: this actor, or a trainer.engine and a trainer.sampler "
                  "that are linked to it",
           .choices = {"here", "linked"}},
          work);
  v.field(
      {.name = "gone_after_s",
       .doc = "with linked workers: one that is silent for so long is given up, until it is back",
       .unit = "s",
       .min = 2,
       .max = 3600},
      how.gone_after_s);
  v.field(
      {.name = "same_bits",
       .doc = "with linked workers: refuse a sampler whose processor computes other bits than the "
              "trainer's"},
      how.same_bits);
  v.field(
      {.name = "adapters",
       .doc = "names of saved sampler weights that come into the graph, with * at their end for "
              "any that begins so; none: nothing does"},
      adapters);
  v.field({.name = "owners", .doc = "whose; none: every key's"}, owners);
  v.field({.name = "ledger",
           .doc = "where cards, evaluations, gates and incidents are recorded; empty: nowhere",
           .is_output = true},
          ledger);
  v.field({.name = "gates",
           .doc = "with a ledger: what must hold (`actors/governance`)",
           .is_path = true},
          gates);
}

component_info tinker_door::info() {
  return {
      .type = "gateway.tinker",
      .summary = "The training server of the Tinker API; what clients train talks in the graph.",
      .inputs = {{"evaluations",
                  {.kind = payload_kind::text},
                  "JSON: `adapter` and its `scores`, by whoever evaluates it in the graph",
                  false,
                  default_queue(payload_kind::text)},
                 {"trained", work_media(), "of a trainer.engine (`work: linked`)", false,
                  work_queue},
                 {"sampled", work_media(), "of a trainer.sampler (`work: linked`)", false,
                  work_queue}},
      .outputs = {{"adapters", {.kind = payload_kind::adapter}, "what clients saved"},
                  {"training", work_media(), "to a trainer.engine"},
                  {"sampling", work_media(), "to a trainer.sampler"}},
      .scope = instance_scope::shared,
      .source = true,
      .period_ms = 200};
}

result<void> tinker_door::follow_ledger() {
  if (config_.ledger.empty()) {
    if (config_.gates.empty()) return {};
    return fail("tinker.no_ledger", "`gates` needs a `ledger` to judge by and to record in");
  }
  const auto gates = readable(context_, config_.gates);
  if (!gates) return fail(gates);
  const auto path =
      governance::ledger_file(*capability_of(context_), output_name(context_, config_.ledger));
  if (!path) return fail(path);
  HOCKET_TRY(governance::records::open(*path, *gates));  // made and sealed, where it is new
  return governance::process_book::of_process().follow(*path, *gates);
}

result<void> tinker_door::open(const context& where) {
  context_ = where;
  if (where.time->is_virtual())
    return fail("tinker.real_time", "clients connect in real time: run it without --virtual");
  if (where.may) HOCKET_TRY(where.may->address(config_.how.address));
  const auto model = readable(where, config_.how.model);
  if (!model) return fail(model);
  auto keys = readable(where, config_.how.keys_file);
  if (!keys) return fail(keys);
  config_.how.keys_file = std::move(*keys);
  HOCKET_TRY(follow_ledger());
  const auto note = create_output(where, config_.out + "/tinker.url");  // for who gave port 0
  if (!note) return fail(note);
  config_.how.folder = note->path().substr(0, note->path().rfind('/'));
  config_.how.is_linked = config_.work == "linked";
  auto started = start_server(config_.how, taker(), links());
  if (!started) return fail(started);
  server_ = std::move(*started);
  for (const auto& c : server_->complaints()) context_.log(c);
  context_.log("serves the Tinker API at " + server_->url());
  return note->write(server_->url() + "\n");
}

saved_adapter tinker_door::taker() const {
  return [box = inbox_, names = config_.adapters, owners = config_.owners](
             const std::string& owner, const std::string& name, adapter what) {
    if (std::ranges::none_of(names, [&](const auto& p) { return matches(p, name); })) return;
    if (!owners.empty() && std::ranges::find(owners, owner) == owners.end()) return;
    const std::lock_guard lock(box->mutex);
    box->saved.push_back(std::move(what));
    if (box->saved.size() > most_waiting) box->saved.pop_front();
  };
}

server_links tinker_door::links() {
  to_trainer_.emplace(context_, 1, true), to_sampler_.emplace(context_, 2, true);
  return {[to = *to_trainer_](std::string piece) { to.send(std::move(piece)); },
          [to = *to_sampler_](std::string piece) { to.send(std::move(piece)); },
          [log = context_.log](const std::string& line) { log(line); }};
}

result<source_state> tinker_door::produce(timestamp, emitter& out) {
  server_->tick();
  if (const auto bad = server_->bad_messages(); bad > bad_messages_) {
    context_.count("bad_answers", bad - bad_messages_);
    bad_messages_ = bad;
  }
  std::deque<adapter> saved;
  {
    const std::lock_guard lock(inbox_->mutex);
    saved.swap(inbox_->saved);
  }
  for (auto& a : saved) {
    context_.count("saved", 1);
    const auto passed = governance::process_book::of_process().pass(governance::gate::swap, a.name);
    if (!passed) {
      context_.count("refused_by_policy", 1);
      context_.log("is not swapped in: " + passed.error().message);
      continue;
    }
    emitted_.push_back(std::move(a));
    if (emitted_.size() > most_waiting) emitted_.erase(emitted_.begin() + 1);
    out.for_session(session_id::none);
    out.emit(0, context_.time->now(), emitted_.back());
  }
  take_back_frozen(out);
  return source_state::more;
}

void tinker_door::take_back_frozen(emitter& out) {
  auto& book = governance::process_book::of_process();
  const auto frozen = emitted_.back().name;
  if (frozen.empty() || !book.is_frozen(frozen)) return;
  while (emitted_.size() > 1 && book.is_frozen(emitted_.back().name)) emitted_.pop_back();
  auto& before = emitted_.back();
  context_.count("frozen", 1);
  context_.log(frozen + " is taken back (an incident froze it): " +
               (before.name.empty() ? "the model by itself" : before.name) + " from now on");
  // An agent tells versions by name and card: this one is sent anew, also to conversations that are pinned.
  auto card = json::parse(before.card_json, nullptr, false);
  if (!card.is_object()) card = json::object();
  card["restored_after"] = frozen, card["frozen"] = true;
  before.card_json = card.dump();
  out.for_session(session_id::none);
  out.emit(0, context_.time->now(), before);
}

result<void> tinker_door::process(std::size_t port, const packet& p, emitter&) {
  if (port == 1 && server_->trained(bytes_of(p))) to_trainer_->heard_in(p.header.session);
  if (port == 2 && server_->sampled(bytes_of(p))) to_sampler_->heard_in(p.header.session);
  if (port != 0) return {};
  const auto* t = p.get_if<text>();
  if (t == nullptr) return {};
  const auto bad = [&](const std::string& why) {
    context_.count("bad_evaluations", 1);
    context_.log("an evaluation is left out: " + why);
  };
  const auto j = language::strict_json(t->value, "evaluation");
  if (!j) return bad(j.error().message), result<void>();
  if (!j->is_object() || !j->value("adapter", json()).is_string() ||
      !j->value("scores", json()).is_object())
    return bad("it needs `adapter` and `scores`"), result<void>();
  std::map<std::string, double> scores;
  for (const auto& [key, value] : (*j)["scores"].items())
    if (value.is_number()) scores[key] = value.get<double>();
  const auto name = (*j)["adapter"].get<std::string>();
  const auto done =
      governance::process_book::of_process().add_evaluation(name, "in the graph", scores);
  if (done) return {};
  context_.count("unrecorded", 1);
  context_.log("the ledger: " + done.error().message);
  return {};
}

result<void> tinker_door::close(emitter&) {
  server_.reset();
  return {};
}

}  // namespace hocket::tinker
