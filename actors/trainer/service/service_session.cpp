#include "actors/trainer/service/service_session.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "actors/gateway/tinker/wire/client.hpp"
#include "engine/language/files/strict_json.hpp"

namespace hocket::trainer {
namespace {

using lora::training_datum;
using nlohmann::json;

constexpr const char* client_version = "0.38.0";  // the SDK whose messages these are
constexpr std::int64_t beat_every_ms = 10'000;
constexpr int small_ms = 10'000, last_ms = 2000;  ///< for what may fail
/// Of one request with data, as the official client splits them.
constexpr std::size_t most_data = 1024, most_bytes = 5'000'000;

std::size_t bytes_of(const training_datum& d) {
  return d.tokens.size() * (sizeof(std::int32_t) + sizeof(std::int64_t) + sizeof(float)) + 64;
}

/// Of the answer to a pass. It has 4 bytes for each target; protobuf that is not as it should be takes many
/// times its bytes in memory, so nobody gets to send much more than was asked for.
std::size_t most_answer_bytes(std::span<const training_datum> data) {
  std::size_t bytes = 1 << 20;
  for (const auto& d : data) bytes += 2 * bytes_of(d);
  return bytes;
}

/// Whether it may stand in a path as it is.
bool is_plain(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) || c == '.' || c == '_' || c == '-' || c == ':';
         });
}

tl::unexpected<error> odd(const std::string& what) { return fail("train.service_odd", what); }

}  // namespace

// ---- one request

std::string service_session::next_id() {
  if (nonce_.empty()) {
    std::random_device random;
    nonce_ = fmt::format("hocket-{:08x}{:08x}", random(), random());
  }
  return fmt::format("{}-{}", nonce_, ++asks_);
}

service_call service_session::call_of(service_ask what) const {
  return {std::move(what), reach_.now_ms(), settings_.patience_s * 1000};
}

/// Sends what is due until the service has it, or has answered.
result<void> service_session::advance(service_call& c, bool until_submitted) {
  while (!c.is_over() && !(until_submitted && c.is_submitted())) {
    HOCKET_TRY(beat());
    auto t = c.next(reach_.now_ms());
    if (t.pause_ms > 0 && !reach_.rest(t.pause_ms, more_)) return stopped();
    if (!more_()) return stopped();
    auto& r = t.request;
    if (r.url.starts_with('/')) {
      r.url = settings_.base_url + r.url;
      if (!settings_.key.empty()) r.headers.emplace_back("X-API-Key", settings_.key);
    }
    r.ca_file = settings_.ca_file;
    c.take(reach_.fetch(r, more_), reach_.now_ms());
  }
  if (c.is_over() && !c.outcome()) return fail(c.outcome());
  return {};
}

result<service_answer> service_session::run(service_call& c) {
  HOCKET_TRY(advance(c, false));
  return std::move(c).outcome();
}

result<json> service_session::ask(service_ask what) {
  what.id = next_id();
  auto c = call_of(std::move(what));
  const auto a = run(c);
  if (!a) return fail(a);
  auto j = language::strict_json(a->body.empty() ? "{}" : a->body, "answer");
  if (!j || !j->is_object()) return odd("an answer is no JSON object");
  return std::move(*j);
}

/// One try.
result<http::fetch_answer> service_session::once(const char* method, const std::string& path,
                                                 const json& body, int total_ms,
                                                 const goes_on& more) const {
  http::fetch_request r;
  r.method = method, r.url = settings_.base_url + path;
  r.headers = {{"Accept", "application/json"}};
  if (!body.is_null())
    r.body = body.dump(), r.headers.emplace_back("Content-Type", "application/json");
  if (!settings_.key.empty()) r.headers.emplace_back("X-API-Key", settings_.key);
  r.ca_file = settings_.ca_file;
  r.connect_ms = r.total_ms = total_ms;
  r.body_bytes = 64 << 10;
  return reach_.fetch(r, more);
}

/// Of other troubles the next request tells, too.
result<void> service_session::beat() {
  const auto now = reach_.now_ms();
  if (session_.empty() || now - beat_ms_ < beat_every_ms) return {};
  beat_ms_ = now;
  const auto a = once("POST", "/api/v1/session_heartbeat",
                      {{"session_id", session_}, {"type", "session_heartbeat"}}, small_ms, more_);
  if (a && a->status == 410)
    return fail("train.service_lost", "the session is over: " + service_words(a->body));
  return {};
}

// ---- a session and its model

result<void> service_session::begin(const char* path, json body) {
  const auto made = ask({.path = "/api/v1/create_session",
                         .body = json{{"tags", json::array()},
                                      {"sdk_version", client_version},
                                      {"type", "create_session"}}
                                     .dump(),
                         .is_future = false});
  if (!made) return fail(made);
  const auto session = text_at(*made, "session_id");
  if (!is_plain(session)) return odd("a session has no name that can be used");
  session_ = session;
  beat_ms_ = reach_.now_ms();
  body["session_id"] = session_, body["model_seq_id"] = 0;
  const auto model = ask({.path = fmt::format("/api/v1/{}", path), .body = body.dump()});
  if (!model) return fail(model);
  model_ = text_at(*model, "model_id");
  if (model_.empty()) model_ = session_ + ":train:0";  // as clients make it up
  if (!is_plain(model_)) return odd("a model has an impossible name");
  return {};
}

result<void> service_session::open(const wanted_model& m) {
  json lora{{"rank", m.adapter.rank},
            {"seed", m.seed},
            {"train_attn", m.adapter.parts.attention},
            {"train_mlp", m.adapter.parts.feed_forward},
            {"train_unembed", m.adapter.parts.unembed}};
  // The protocol has no such key: who knows it heeds it, and with others 32 is the scale there is.
  if (m.adapter.alpha != 32) lora["alpha"] = m.adapter.alpha;
  return begin("create_model", {{"base_model", settings_.model},
                                {"lora_config", lora},
                                {"optimizer_config", {{"type", "adamw"}}},
                                {"type", "create_model"}});
}

result<void> service_session::open(const std::string& checkpoint, bool with_optimizer) {
  return begin("load_weights", {{"base_model", settings_.model},
                                {"path", checkpoint},
                                {"optimizer", with_optimizer},
                                {"optimizer_config", {{"type", "adamw"}}},
                                {"type", "load_weights"}});
}

/// The number is free again where the service cannot have taken it.
result<json> service_session::operate(const char* path, json body) {
  body["model_id"] = model_, body["seq_id"] = ++number_;
  auto c = call_of({.path = fmt::format("/api/v1/{}", path), .body = body.dump(), .id = next_id()});
  const auto a = run(c);
  if (!a && !c.may_be_there()) --number_;
  if (!a) return fail(a);
  auto j = language::strict_json(a->body, "result");
  if (!j || !j->is_object()) return odd("a result is no JSON object");
  return std::move(*j);
}

// ---- passes and steps

result<void> service_session::send_passes(std::span<const training_datum> data, bool forward_only,
                                          std::vector<sent>& out) {
  for (std::size_t at = 0; at < data.size();) {
    std::size_t n = 0, bytes = 0;
    while (at + n < data.size() && n < most_data &&
           (n == 0 || bytes + bytes_of(data[at + n]) <= most_bytes))
      bytes += bytes_of(data[at + n++]);
    const auto some = data.subspan(at, n);
    service_ask what{.path = "/api/v1/forward_backward",
                     .body = tinker::encode_pass(model_, ++number_, some, forward_only),
                     .type = "application/x-protobuf",
                     .wants_proto = true,
                     .id = next_id(),
                     .answer_bytes = most_answer_bytes(some)};
    out.push_back({call_of(std::move(what)), static_cast<std::int64_t>(n)});
    HOCKET_TRY(advance(out.back().call, true));
    at += n;
  }
  return {};
}

result<double> service_session::losses_of(std::vector<sent>& passes) {
  double loss = 0;
  for (auto& p : passes) {
    p.call.wait_from(reach_.now_ms());
    const auto a = run(p.call);
    if (!a) return fail(a);
    const auto pass = tinker::decode_pass(a->body);
    if (!pass) return odd(pass.error().message);
    if (pass->sequences != p.data)
      return odd(
          fmt::format("a pass over {} examples is answered with {}", p.data, pass->sequences));
    loss += pass->loss;
  }
  return loss;
}

result<double> service_session::forward(std::span<const training_datum> data) {
  std::vector<sent> passes;
  HOCKET_TRY(send_passes(data, true, passes));
  return losses_of(passes);
}

result<double> service_session::step(std::span<const training_datum> data, const step_params& p) {
  std::vector<sent> passes;
  HOCKET_TRY(send_passes(data, false, passes));
  const json body{{"model_id", model_},
                  {"seq_id", ++number_},
                  {"adam_params",
                   {{"learning_rate", p.rate},
                    {"beta1", 0.9},
                    {"beta2", 0.95},
                    {"eps", 1e-8},
                    {"weight_decay", p.decay},
                    {"grad_clip_norm", p.clip}}},
                  {"type", "optim_step"}};
  auto stepped = call_of({.path = "/api/v1/optim_step", .body = body.dump(), .id = next_id()});
  HOCKET_TRY(advance(stepped, true));
  const auto loss = losses_of(passes);
  if (!loss) return loss;
  stepped.wait_from(reach_.now_ms());
  const auto done = run(stepped);
  if (!done) return fail(done);
  return loss;
}

// ---- keeping and fetching

/// `tinker://RUN/KIND/NAME` as the service says it; what it says becomes a part of URLs.
result<std::string> service_session::path_of(const json& answer, const char* kind,
                                             const std::string& name) const {
  const auto path = text_at(answer, "path");
  const auto wanted = fmt::format("tinker://{}/{}/{}", model_, kind, name);
  if (path != wanted) return odd("a save is answered with another place than " + wanted);
  return path;
}

result<std::string> service_session::save(const std::string& name) {
  const auto saved =
      operate("save_weights", {{"path", name}, {"overwrite", false}, {"type", "save_weights"}});
  if (!saved) return fail(saved);
  return path_of(*saved, "weights", name);
}

/// What was exported for the way only; one that stays there costs room, no more.
void service_session::forget(const std::string& checkpoint) {
  (void)once("DELETE", checkpoint, json(), small_ms, more_);
}

std::string service_session::checkpoints() const {
  return fmt::format("/api/v1/training_runs/{}/checkpoints", model_);
}

void service_session::drop(const std::string& name) { forget(checkpoints() + "/weights/" + name); }

void service_session::finish(const char* reason) {
  if (session_.empty()) return;
  // A service that does not hear of it ends sessions that are silent.
  (void)once("POST", fmt::format("/api/v1/sessions/{}/finish", session_),
             {{"reason", {{"type", reason}}}}, last_ms, [] { return true; });
  session_.clear();
}

}  // namespace hocket::trainer
