// A service that follows the rules of the Tinker API, in memory, for tests. Its adapter is one number: the sum of all
// steps, so that what was done twice, or not, can be seen.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/gateway/tinker/wire/messages.hpp"
#include "actors/trainer/service/service_learner.hpp"
#include "engine/transformer/safetensors.hpp"

namespace hocket::trainer::testing {

using nlohmann::json;
using answer = result<http::fetch_answer>;

inline answer says(int status, std::string body, const char* type = "application/json") {
  http::fetch_answer a;
  a.status = status, a.body = std::move(body), a.headers = {{"Content-Type", type}};
  return a;
}
inline answer says(const json& body, int status = 200) { return says(status, body.dump()); }
inline answer breaks(const char* code = "http.broken") { return fail(code, "it broke"); }

inline lora::adapter_files adapter_of(float value, int rank = 2) {
  lora::lora_config c;
  c.rank = rank, c.modules = {"q_proj"};
  const std::vector<float> a(static_cast<std::size_t>(rank) * 4, 0.25F), b(a.size(), value);
  const std::string name = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
  const std::vector<engine::stored_tensor> all{
      {name + "A.weight", "F32", {rank, 4}, std::as_bytes(std::span(a))},
      {name + "B.weight", "F32", {4, rank}, std::as_bytes(std::span(b))}};
  return {lora::write_peft_config(c), engine::safetensors_bytes(all, {})};
}

class fake_service {
 public:
  struct model {
    float value = 0, pending = 0;
    std::int64_t next = 1;
    std::map<std::int64_t, std::string> requests;  ///< by number
  };
  struct fault {
    std::string where;  ///< a part of the path
    answer instead;
    bool is_done = false;  ///< the request is worked on, and its answer lost
    int times = 1;
  };

  std::map<std::string, model> models;
  std::map<std::string, model> kept;  ///< by path
  std::map<std::string, std::string> results;
  std::vector<std::string> log;  ///< METHOD path
  std::vector<std::string> ended;
  std::deque<fault> faults;
  std::vector<http::fetch_request> requests;
  int sessions = 0, steps = 0, slow = 0;  ///< slow: polls before each result
  bool has_external = true, is_proto_damaged = false;
  std::int64_t pass_ms = 0;  ///< a pass takes so long, and the one behind it begins then
  std::function<lora::adapter_files(float)> files = [](float v) { return adapter_of(v); };
  std::string archive, file_base = "http://127.0.0.1:1/files/";
  std::int64_t now_ms = 0;

  service_reach reach() {
    return {[this](const http::fetch_request& r, const goes_on&) { return take(r); },
            [this](std::int64_t ms, const goes_on& more) {
              now_ms += ms;
              return more();
            },
            [this] { return now_ms; }};
  }

 private:
  answer take(const http::fetch_request& r) {
    now_ms += 5;
    requests.push_back(r);
    const auto path = r.url.substr(std::string("http://127.0.0.1:1").size());
    log.push_back(r.method + " " + path);
    for (auto f = faults.begin(); f != faults.end(); ++f) {
      if (path.find(f->where) == path.npos) continue;
      auto instead = f->instead;
      if (f->is_done) (void)work(r, path);
      if (--f->times == 0) faults.erase(f);
      return instead;
    }
    return work(r, path);
  }

  answer work(const http::fetch_request& r, const std::string& path) {
    if (path.starts_with("/files/")) return file(path);
    const auto what = path.substr(std::string("/api/v1/").size());
    if (what == "forward_backward") return pass(r);
    const auto body = json::parse(r.body.empty() ? "{}" : r.body);
    if (what == "create_session") return says(json{{"session_id", fmt::format("s{}", ++sessions)}});
    if (what == "session_heartbeat") return says(json{{"type", what}});
    if (what == "retrieve_future") return poll(body, r);
    if (what.ends_with("/finish")) {
      ended.push_back(body["reason"]["type"]);
      return says(json::object());
    }
    if (what == "create_model" || what == "load_weights") return make(body, what);
    if (what.ends_with("/external_weights_urls"))
      return says(json{{"urls",
                        {{"adapter_config.json", file_base + "adapter_config.json"},
                         {"adapter_model.safetensors", file_base + "adapter_model.safetensors"}}}});
    if (what.ends_with("/archive")) return says(json{{"url", file_base + "archive.tar"}});
    if (r.method == "DELETE") {
      std::string at = what.substr(std::string("training_runs/").size());
      at.replace(at.find("/checkpoints"), std::string("/checkpoints").size(), "");
      kept.erase("tinker://" + at);
      return says(204, "");
    }
    return operation(body, what);
  }

  answer future(model& m, std::int64_t number, const std::function<std::string()>& does) {
    if (const auto known = m.requests.find(number); known != m.requests.end())
      return says(json{{"request_id", known->second}});
    if (number != m.next) return says(json{{"detail", "out of order"}}, 400);
    ++m.next;
    const auto id = fmt::format("r{}", results.size());
    results[id] = does();
    m.requests[number] = id;
    polls_[id] = slow;
    if (pass_ms > 0) done_ms_[id] = busy_until_ms_ = std::max(busy_until_ms_, now_ms) + pass_ms;
    return says(json{{"request_id", id}});
  }

  answer make(const json& body, const std::string& what) {
    const auto id = body["session_id"].get<std::string>() + ":train:0";
    auto& m = models[id];
    if (what == "load_weights") {
      const auto from = kept.find(body["path"]);
      if (from == kept.end()) return says(json{{"detail", "no such checkpoint"}}, 404);
      m.value = from->second.value;
    }
    if (m.requests.empty()) m.next = 0;  // and not where it is sent again
    return future(m, 0, [&] { return json{{"type", what}, {"model_id", id}}.dump(); });
  }

  answer pass(const http::fetch_request& r) {
    const auto ask = tinker::decode_forward(r.body);
    REQUIRE(ask);
    const auto found = models.find(ask->model_id);
    if (found == models.end()) return says(json{{"detail", "no such model"}}, 404);
    return future(found->second, ask->seq_id, [&] {
      tinker::forward_answer a;
      for (const auto& d : ask->data) {
        a.logprobs.emplace_back(d.tokens.size(), -1.0F);
        a.targets.push_back(0);
        for (const double w : d.inputs.at("weights").values) a.metrics["loss:sum"] += w;
      }
      if (!ask->forward_only) found->second.pending += static_cast<float>(a.metrics["loss:sum"]);
      return is_proto_damaged ? std::string("\xff\xff") : tinker::encode(a);
    });
  }

  answer operation(const json& body, const std::string& what) {
    const auto found = models.find(body.value("model_id", ""));
    if (found == models.end()) return says(json{{"detail", "no such model"}}, 404);
    if (what == "save_weights_external" && !has_external)
      return says(json{{"detail", "Not Found"}}, 404);
    auto& m = found->second;
    const auto kind = what == "save_weights"            ? "weights"
                      : what == "save_weights_external" ? "external_weights"
                                                        : "sampler_weights";
    return future(m, body["seq_id"], [&] {
      if (what == "optim_step") {
        m.value += m.pending, m.pending = 0, ++steps;
        return std::string("{}");
      }
      const auto path =
          fmt::format("tinker://{}/{}/{}", found->first, kind, body["path"].get<std::string>());
      kept[path] = m, shown_ = m.value;
      return json{{"type", what}, {"path", path}}.dump();
    });
  }

  answer poll(const json& body, const http::fetch_request& r) {
    const std::string id = body["request_id"];
    if (!results.contains(id)) return says(json{{"detail", "no such request"}}, 404);
    if (polls_[id]-- > 0 || now_ms < done_ms_[id])
      return says(json{{"type", "try_again"}, {"queue_state", "active"}});
    const bool proto =
        http::find_header(r.headers, "Accept").value_or("") == "application/x-protobuf";
    return says(200, results[id], proto ? "application/x-protobuf" : "application/json");
  }

  answer file(const std::string& path) {
    const auto f = files(shown_);
    if (path.ends_with("archive.tar")) return says(200, archive, "application/x-tar");
    return says(200, path.ends_with(".json") ? f.config : f.weights, "application/octet-stream");
  }

  std::map<std::string, int> polls_;
  std::map<std::string, std::int64_t> done_ms_;
  std::int64_t busy_until_ms_ = 0;
  float shown_ = 0;
};

}  // namespace hocket::trainer::testing
