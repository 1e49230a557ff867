#include "tools/hocket/eval/tinker_client.hpp"

#include <fmt/format.h>

#include "actors/gateway/json.hpp"
#include "actors/http/fetch.hpp"

namespace hocket::cli {

using nlohmann::json;

namespace {

constexpr int first_token = 33, tokens = 150;  // every vocabulary has them

json chunks_of(const std::vector<std::int64_t>& ids) {
  return {{"chunks", {{{"type", "encoded_text"}, {"tokens", ids}}}}};
}

json tensor_of(const json& values, const char* type) {
  return {{"data", values}, {"dtype", type}, {"shape", {values.size()}}};
}

/// What was sampled behind a prompt, as importance sampling takes it.
json datum_of(std::vector<std::int64_t> prompt, const json& sampled, double advantage) {
  const auto read = prompt.size();
  for (const auto& t : sampled["tokens"]) prompt.push_back(t);
  json targets = json::array(), logprobs = json::array(), advantages = json::array();
  for (std::size_t i = 1; i < prompt.size(); ++i) {
    const bool own = i >= read;
    targets.push_back(prompt[i]);
    logprobs.push_back(own ? sampled["logprobs"][i - read] : json(0));
    advantages.push_back(own ? advantage : 0);
  }
  prompt.pop_back();
  return {{"model_input", chunks_of(prompt)},
          {"loss_fn_inputs",
           {{"target_tokens", tensor_of(targets, "int64")},
            {"logprobs", tensor_of(logprobs, "float32")},
            {"advantages", tensor_of(advantages, "float32")}}}};
}

}  // namespace

result<json> tinker_client::post(const std::string& path, const json& body) const {
  http::fetch_request r;
  r.method = "POST", r.url = url_ + "/api/v1/" + path, r.body = body.dump();
  r.headers = {{"X-API-Key", key_}, {"Content-Type", "application/json"}};
  r.body_bytes = 64u << 20, r.total_ms = 120'000;
  const auto a = http::fetch(r);
  if (!a) return fail(a);
  auto read = gateway::parse_object(a->body.empty() ? "{}" : a->body);
  if (a->status >= 300 || !read)
    return fail("bench.refused", fmt::format("{}: {} {}", path, a->status, a->body.substr(0, 300)));
  return std::move(*read);
}

result<std::string> tinker_client::submit(const std::string& path, const json& body) const {
  const auto sent = post(path, body);
  if (!sent) return fail(sent);
  return sent->value("request_id", "");
}

result<json> tinker_client::wait(const std::string& request,
                                 std::chrono::steady_clock::time_point until) const {
  for (;;) {
    if (std::chrono::steady_clock::now() > until)
      return fail("bench.late", request + " has no answer yet");
    auto a = post("retrieve_future", {{"request_id", request}});
    if (!a) return a;
    if (a->value("type", "") == "try_again") continue;
    if (a->contains("error")) return fail("bench.refused", (*a)["error"].dump());
    return a;
  }
}

result<json> tinker_client::run(const std::string& path, json body) {
  const auto began = std::chrono::steady_clock::now();
  body["model_id"] = model_, body["seq_id"] = ++number_;
  const auto request = submit(path, body);
  if (!request) return fail(request);
  auto answer = wait(*request);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  waited_ms_.push_back(took.count());
  return answer;
}

result<void> tinker_client::open(const std::string& model, int rank, std::uint64_t seed) {
  const auto session = post("create_session", {{"type", "create_session"}, {"sdk_version", "0"}});
  if (!session) return fail(session);
  session_ = session->value("session_id", "");
  const auto request = submit("create_model", {{"session_id", session_},
                                               {"model_seq_id", 0},
                                               {"base_model", model},
                                               {"lora_config", {{"rank", rank}, {"seed", seed}}}});
  if (!request) return fail(request);
  const auto made = wait(*request);
  if (!made) return fail(made);
  model_ = made->value("model_id", "");
  return {};
}

result<void> run_pass(tinker_client& c, int sequences, int length) {
  json data = json::array();
  for (int k = 0; k < sequences; ++k) {
    std::vector<std::int64_t> ids;
    for (int i = 0; i < length; ++i) ids.push_back(first_token + (k * 31 + i * 7) % tokens);
    data.push_back({{"model_input", chunks_of(ids)},
                    {"loss_fn_inputs",
                     {{"target_tokens", tensor_of(ids, "int64")},
                      {"weights", tensor_of(std::vector<double>(ids.size(), 1), "float32")}}}});
  }
  const auto passed =
      c.run("forward_backward",
            {{"forward_backward_input", {{"data", data}, {"loss_fn", "cross_entropy"}}}});
  if (!passed) return fail(passed);
  return {};
}

result<tinker_work> run_experiment(tinker_client& c, const tinker_experiment& e) {
  tinker_work did;
  std::uint32_t state = 1;
  for (int step = 0; step < e.steps; ++step) {
    const auto saved = c.run("save_weights_for_sampler", {{"sampling_session_seq_id", step}});
    if (!saved) return fail(saved);
    std::vector<std::int64_t> prompt;
    for (int i = 0; i < e.prompt_tokens; ++i) {
      state = state * 1664525u + 1013904223u;
      prompt.push_back(first_token + static_cast<std::int64_t>((state >> 16) % tokens));
    }
    const auto began = std::chrono::steady_clock::now();
    const auto asked = c.submit(
        "asample", {{"sampling_session_id", (*saved)["sampling_session_id"]},
                    {"seq_id", 0},
                    {"num_samples", e.group},
                    {"prompt", chunks_of(prompt)},
                    {"sampling_params",
                     {{"max_tokens", e.sampled_tokens}, {"stop", json::array()}, {"seed", step}}}});
    if (!asked) return fail(asked);
    const auto group = c.wait(*asked);
    if (!group) return fail(group);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    c.waited_ms().push_back(took.count());
    json data = json::array();
    for (const auto& s : (*group)["sequences"]) {
      data.push_back(datum_of(prompt, s, data.size() % 2 == 0 ? 1 : -1));
      did.sampled += static_cast<std::int64_t>(s["tokens"].size());
      did.trained += static_cast<std::int64_t>(prompt.size() + s["tokens"].size()) - 1;
    }
    const auto passed =
        c.run("forward_backward",
              {{"forward_backward_input", {{"data", data}, {"loss_fn", "importance_sampling"}}}});
    if (!passed) return fail(passed);
    const auto moved = c.run("optim_step", {{"adam_params", {{"learning_rate", 1e-4}}}});
    if (!moved) return fail(moved);
    ++did.steps;
  }
  return did;
}

}  // namespace hocket::cli
