#include "actors/trainer/lora_trainer.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "engine/language/files/strict_json.hpp"
#include "graph/contract/capability.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

enum : std::size_t { examples_in, validation_in, evaluations_in };
enum : std::size_t { adapters_out, progress_out };
constexpr int low_priority = 10;
constexpr std::size_t most_origins = 256;

buffer bytes_of(const std::string& text) {
  return buffer::take(std::vector<char>(text.begin(), text.end()));
}

/// What its tensors hold, so that a card can name it.
std::string sum_of(const training_example& e) {
  std::string all;
  for (const auto& [name, t] : e.tensors) {
    const auto bytes = t.data.as<char>();
    all += name + "\n";
    all.append(bytes.begin(), bytes.end());
  }
  return http::sha256_hex(all);
}

}  // namespace

lora_trainer::~lora_trainer() { stop(); }

void lora_trainer::stop() {
  stopping_ = true;
  if (worker_.joinable()) worker_.join();
}

result<void> lora_trainer::open(const context& where) {
  context_ = where;
  last_example_ = last_sent_ = where.time->now();
  versions_.assign(1, {});
  open_curve();
  HOCKET_TRY(open_ledger());
  if (rounds_) return {};
  if (where.may) {
    const auto path = where.may->readable(config_.how.model);
    if (!path) return fail(path);
  }
  HOCKET_TRY(open_service());
  auto opened = open_lora_rounds(config_.how);
  if (!opened) return fail(opened);
  rounds_ = std::move(*opened);
  return {};
}

/// What of the service only the run's surroundings say: whether it may be reached, and the key.
result<void> lora_trainer::open_service() {
  auto& s = config_.how.service;
  if (s.base_url.empty()) {
    if (s.model.empty() && s.key_env.empty() && s.ca_file.empty()) return {};
    return fail("train.bad_service", "`service.base_url` is missing: where the service is");
  }
  if (context_.may) {
    HOCKET_TRY(context_.may->address(s.base_url));
    if (!s.key_env.empty()) HOCKET_TRY(context_.may->variable(s.key_env));
    s.may_reach = [may = context_.may](const std::string& url) { return may->address(url); };
  }
  if (s.key_env.empty()) return {};
  const char* key = std::getenv(s.key_env.c_str());
  if (key == nullptr || *key == '\0')
    return fail("train.bad_service",
                "the variable " + s.key_env + " (`service.key_env`) is not set");
  trust::note_secret(s.key_env, key);
  s.key = key;
  return {};
}

/// Figures alone: also where words are kept out of files.
void lora_trainer::open_curve() {
  const auto how = context_.restarts > 0 ? trust::create_as::appended : trust::create_as::replaced;
  auto made = create_output(context_, config_.out + "/curve.csv", how);
  if (!made) return context_.log("no curve is written: " + made.error().message);
  curve_.emplace(std::move(*made));
  if (context_.restarts > 0) return;
  if (!curve_->write("round,step,loss,validation,tokens_per_s,at_s\n")) curve_.reset();
}

result<void> lora_trainer::process(std::size_t port, const packet& p, emitter& out) {
  if (const auto* e = p.get_if<training_example>()) take_example(*e, port == validation_in);
  if (const auto* t = p.get_if<text>(); t && port == evaluations_in) take_evaluation(t->value, out);
  return {};
}

void lora_trainer::take_example(const training_example& e, bool is_held) {
  const auto tokens = rounds_->add(e, is_held);
  if (!tokens) {
    context_.count("bad_examples", 1);
    return context_.log("an example is left out: " + tokens.error().message);
  }
  const auto gone = rounds_->forgotten();
  if (gone > forgotten_) context_.count("forgotten", gone - forgotten_);
  forgotten_ = gone;
  if (is_held) return;
  context_.count("examples", 1);
  ++fresh_;
  last_example_ = context_.time->now();
  auto at = std::ranges::find(origins_, e.provenance, &origin::provenance);
  if (at == origins_.end() && origins_.size() < most_origins)
    at = origins_.insert(at, {e.provenance, "", 0});
  if (at == origins_.end()) at = std::prev(at);  // counted with the last one
  ++at->examples;
  at->all = http::sha256_hex(at->all + sum_of(e));
  if (!unfinished_) unfinished_ = context_.hold();
}

result<void> lora_trainer::tick(std::int64_t, emitter& out) {
  look_for_incidents(out);
  const auto now = context_.time->now();
  const bool enough = fresh_ >= config_.min_examples &&
                      now >= last_example_ + std::chrono::milliseconds(config_.quiet_ms);
  if (!at_work_ && enough) begin_round(out);
  if (config_.repeat_s > 0 && newest_ > 0 &&
      now >= last_sent_ + std::chrono::seconds(config_.repeat_s))
    emit_newest(out);
  // Too few for a round, and no more are coming: nobody waits for them.
  if (!at_work_ && fresh_ < config_.min_examples) unfinished_.reset();
  return {};
}

void lora_trainer::begin_round(emitter& out) {
  fresh_ = 0;
  ++rounds_begun_;
  at_work_ = true;
  context_.count("rounds", 1);
  context_.log(
      fmt::format("a round begins: {} examples, {} epochs", rounds_->examples(), config_.epochs));
  if (context_.time->is_virtual()) {
    auto done = rounds_->train(config_.epochs, [&](const step_told* s) {
      context_.still_at_work();
      if (s) tell_step(*s, out);
      return true;
    });
    return end_round(done, out);
  }
  if (worker_.joinable()) worker_.join();  // the one of the round before, which is over
  worker_ = std::thread([this, alive = std::weak_ptr(alive_), self = context_.self] {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), low_priority);
    auto done = rounds_->train(config_.epochs, [&](const step_told* s) {
      if (s)
        self->run([alive, told = *s](emitter& o) {
          if (const auto t = alive.lock()) (*t)->tell_step(told, o);
        });
      return !stopping_;
    });
    self->run([alive, done = std::move(done)](emitter& o) {
      if (const auto t = alive.lock()) (*t)->end_round(done, o);
    });
  });
}

void lora_trainer::tell_step(const step_told& s, emitter& out) {
  std::vector<float> values{static_cast<float>(s.step), static_cast<float>(s.steps),
                            static_cast<float>(s.loss), static_cast<float>(s.tokens_per_s)};
  if (curve_) {
    const auto held = s.validation ? fmt::format("{:.6f}", *s.validation) : std::string();
    const auto row = fmt::format("{},{},{:.6f},{},{:.1f},{:.3f}\n", rounds_begun_, s.step, s.loss,
                                 held, s.tokens_per_s, context_.time->now().seconds());
    if (!curve_->write(row)) curve_.reset();
  }
  out.for_session(session_id::none);
  out.emit(progress_out, context_.time->now(),
           tensor{dtype::f32, {4}, buffer::take(std::move(values))});
}

void lora_trainer::end_round(const result<trained>& done, emitter& out) {
  at_work_ = false;
  if (!done) {
    discards_ = false;
    context_.count("failed_rounds", 1);
    context_.log("a round failed: " + done.error().message);
    return go_back();  // from what its steps made of the weights
  }
  const auto& parent = versions_[newest_];
  const auto took = fmt::format("{} steps, loss {:.4f} -> {:.4f}", done->steps, done->first_loss,
                                done->last_loss);
  const bool worse = done->validation_before && done->validation_after &&
                     *done->validation_after > *done->validation_before;
  if (worse || std::exchange(discards_, false)) {
    context_.count("rejected", 1);
    context_.log(worse ? fmt::format("rejected ({}): validation {:.4f} -> {:.4f}", took,
                                     *done->validation_before, *done->validation_after)
                       : "rejected: it went on from a version that was taken back meanwhile");
    return go_back();
  }
  version v;
  const auto name = fmt::format("{}-{}", config_.name, ++made_);
  v.card = card_of(*done, name, parent.what.name);
  v.what = {name, v.card.dump(), bytes_of(done->weights)};
  v.config = done->config, v.weights = done->weights, v.parent = newest_;
  record([&](auto& r) { return r.add_card(v.card); });
  if (done->validation_before && done->validation_after)
    record([&](auto& r) {
      return r.add_evaluation(name, "validation",
                              {{"validation", *done->validation_before - *done->validation_after}});
    });
  if (!may_swap(v)) return go_back();
  versions_.push_back(std::move(v));
  newest_ = versions_.size() - 1;
  context_.count("versions", 1);
  context_.log(fmt::format("{} is made: {}", name, took));
  if (const auto written = write(versions_.back()); !written)
    context_.log("its files cannot be written: " + written.error().message);
  emit_newest(out);
}

void lora_trainer::go_back() {
  const auto& v = versions_[newest_];
  if (auto back = rounds_->back_to(v.config, v.weights); !back)
    context_.log("the newest version cannot be gone on from: " + back.error().message);
}

json lora_trainer::card_of(const trained& t, const std::string& name,
                           const std::string& parent) const {
  governance::card_facts f;
  f.name = name, f.parent = parent;
  f.base_model = rounds_->base().name, f.base_sha256 = rounds_->base().sha256;
  f.adapter_config = t.config;
  f.weights_sha256 = http::sha256_hex(t.weights);
  f.weights_bytes = static_cast<std::int64_t>(t.weights.size());
  f.tokens = t.tokens;
  for (const auto& o : origins_) f.data.push_back({o.provenance, o.examples, o.all});
  f.source = config_.source, f.licence = config_.licence, f.consent = config_.consent;
  f.constraints = config_.constraints;
  const auto& h = config_.how;
  f.recipe = {{"rank", h.rank},           {"alpha", h.alpha},         {"parts", h.parts},
              {"modules", h.modules},     {"seed", h.seed},           {"epochs", config_.epochs},
              {"batch", h.batch},         {"optimizer", h.optimizer}, {"learning_rate", h.rate},
              {"warmup_steps", h.warmup}, {"weight_decay", h.decay},  {"clip", h.clip},
              {"precision", h.precision}, {"steps", t.steps}};
  if (!h.service.base_url.empty()) f.recipe["service"] = h.service.base_url;
  f.evaluations = json::array();
  if (t.validation_before && t.validation_after)
    f.evaluations.push_back({{"what", "validation loss"},
                             {"before", *t.validation_before},
                             {"after", *t.validation_after}});
  return governance::make_card(f);
}

result<void> lora_trainer::write(const version& v) const {
  const auto at = config_.out + "/" + v.what.name + "/";
  const auto put = [&](const char* name, const std::string& bytes) -> result<void> {
    auto file = create_output(context_, at + name);
    if (!file) return fail(file);
    return file->write(bytes);
  };
  HOCKET_TRY(put("adapter_config.json", v.config));
  HOCKET_TRY(put("adapter_model.safetensors", v.weights));
  HOCKET_TRY(put("README.md", governance::markdown_of(v.card)));
  return put("card.json", v.card.dump(2) + "\n");
}

void lora_trainer::emit_newest(emitter& out) {
  last_sent_ = context_.time->now();
  out.for_session(session_id::none);
  out.emit(adapters_out, last_sent_, versions_[newest_].what);
}

void lora_trainer::take_evaluation(const std::string& words, emitter& out) {
  const auto j = language::strict_json(words, "evaluation");
  const auto bad = [&](const std::string& why) {
    context_.count("bad_evaluations", 1);
    context_.log("an evaluation is left out: " + why);
  };
  if (!j || !j->is_object() || !j->value("adapter", json()).is_string() ||
      !j->value("scores", json()).is_object())
    return bad(j ? "it needs `adapter` and `scores`" : j.error().message);
  const auto name = (*j)["adapter"].get<std::string>();
  const auto at = std::ranges::find(versions_, name, [](const version& v) { return v.what.name; });
  if (at == versions_.end()) return bad("there is no version `" + name + "`");
  for (const auto& [key, value] : (*j)["scores"].items())
    if (value.is_number()) at->scores[key] = value.get<double>();
  if (at->card.is_object()) {
    at->card["evaluations"].push_back(
        {{"what", "in the graph"}, {"at", governance::utc_now()}, {"scores", at->scores}});
    if (const auto written = write(*at); !written)
      context_.log("its files cannot be written: " + written.error().message);
  }
  record([&](auto& r) { return r.add_evaluation(name, "in the graph", at->scores); });
  const auto index = static_cast<std::size_t>(at - versions_.begin());
  if (index != newest_ || index == 0) return;
  const auto& before = versions_[at->parent].scores;
  for (const auto& [key, value] : at->scores)
    if (const auto was = before.find(key);
        was != before.end() && value < was->second - config_.margin)
      return roll_back(at->parent,
                       fmt::format("{} fell from {:.3f} to {:.3f}", key, was->second, value), false,
                       out);
}

void lora_trainer::roll_back(std::size_t to, const std::string& why, bool is_frozen, emitter& out) {
  const auto from = versions_[newest_].what.name;
  auto& v = versions_[to];
  newest_ = to;
  context_.count("rolled_back", 1);
  context_.log(fmt::format("{} is taken back ({}): {} from now on", from, why,
                           v.what.name.empty() ? "the model by itself" : v.what.name));
  // An agent tells versions by name and card: this one is sent anew.
  auto card = json::parse(v.what.card_json, nullptr, false);
  if (!card.is_object()) card = json::object();
  card["restored_after"] = from;
  if (is_frozen) card["frozen"] = true;  // also conversations that are pinned leave it
  v.what.card_json = card.dump();
  discards_ = at_work_;
  if (!at_work_) go_back();
  emit_newest(out);
}

result<void> lora_trainer::close(emitter&) {
  alive_.reset();
  stop();
  unfinished_.reset();
  return {};
}

}  // namespace hocket::trainer
