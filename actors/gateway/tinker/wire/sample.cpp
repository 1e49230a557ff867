// Sampling: JSON in, protobuf or JSON out.
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "actors/gateway/tinker/wire/messages.hpp"
#include "actors/gateway/tinker/wire/tensors.hpp"
#include "actors/gateway/tinker/wire/tinker.pb.h"

namespace hocket::tinker {
namespace {

using nlohmann::json;

/// Reads fields of an object until one is wrong; then says which.
class fields {
 public:
  explicit fields(const json& j) : j_(j) {}

  bool has(const char* key) const { return j_.contains(key) && !j_[key].is_null(); }
  const json& at(const char* key) const { return j_[key]; }
  void text(const char* key, std::string& into) {
    if (!has(key)) return;
    if (!j_[key].is_string()) return wrong(key, "must be a text");
    into = j_[key];
  }
  void flag(const char* key, bool& into) {
    if (!has(key)) return;
    if (!j_[key].is_boolean()) return wrong(key, "must be true or false");
    into = j_[key];
  }
  template <class T>
  void whole(const char* key, T& into, std::int64_t low, std::int64_t high) {
    if (!has(key)) return;
    const auto& v = j_[key];
    if (!v.is_number_integer() || v.get<std::int64_t>() < low || v.get<std::int64_t>() > high)
      return wrong(key, fmt::format("must be {} to {}", low, high));
    into = static_cast<T>(v.get<std::int64_t>());
  }
  void number(const char* key, double& into, double low, double high) {
    if (!has(key)) return;
    const auto& v = j_[key];
    if (!v.is_number() || !(v.get<double>() >= low && v.get<double>() <= high))
      return wrong(key, fmt::format("must be {} to {}", low, high));
    into = v;
  }
  void wrong(const char* key, const std::string& what) {
    if (!problem_) problem_ = error{"tinker.bad_request", std::string(key) + " " + what};
  }
  const std::optional<error>& problem() const { return problem_; }

 private:
  const json& j_;
  std::optional<error> problem_;
};

void read_prompt(fields& f, sample_request& r) {
  const auto chunks = f.has("prompt") && f.at("prompt").is_object()
                          ? f.at("prompt").value("chunks", json())
                          : json();
  if (!chunks.is_array()) return f.wrong("prompt", "must be an object with chunks");
  for (const auto& c : chunks) {
    if (!c.is_object() || !c.value("tokens", json()).is_array()) {
      r.problem = error{"tinker.bad_request",
                        "prompt: this model reads text only, and a chunk is no list of tokens"};
      return;
    }
    for (const auto& t : c["tokens"]) {
      if (!t.is_number_integer()) return f.wrong("prompt", "holds what is no token");
      r.prompt.push_back(static_cast<std::int32_t>(
          std::clamp<std::int64_t>(t.get<std::int64_t>(), -1, INT32_MAX)));
    }
  }
}

void read_stops(fields& f, sample_request& r) {
  if (!f.has("stop")) return;
  r.default_stops = false;
  const auto& stop = f.at("stop");
  if (stop.is_string()) return r.stop_texts.push_back(stop);
  if (!stop.is_array()) return f.wrong("stop", "must be a text, or a list of texts or of tokens");
  for (const auto& s : stop) {
    if (s.is_string() && !s.get<std::string>().empty())
      r.stop_texts.push_back(s);
    else if (s.is_number_integer())
      r.stop_tokens.push_back(s);
    else
      return f.wrong("stop", "holds what is neither a text nor a token");
  }
}

void read_params(const json& j, fields& outer, sample_request& r) {
  if (!j.is_object()) return outer.wrong("sampling_params", "must be an object");
  fields f(j);
  std::int64_t most = 0, top_k = -1, seed = 0;
  f.whole("max_tokens", most, 0, std::numeric_limits<std::int32_t>::max());
  if (f.has("max_tokens")) r.max_tokens = most;
  if (f.has("seed") && f.at("seed").is_number_unsigned())
    r.seed = f.at("seed").get<std::uint64_t>();
  else if (f.has("seed")) {
    f.whole("seed", seed, std::numeric_limits<std::int64_t>::min(),
            std::numeric_limits<std::int64_t>::max());
    r.seed = static_cast<std::uint64_t>(seed);
  }
  f.number("temperature", r.temperature, 0, 100);
  f.number("top_p", r.top_p, 0, 1);
  if (r.top_p == 0) r.top_p = std::numeric_limits<double>::min();
  f.whole("top_k", top_k, -1, std::numeric_limits<std::int32_t>::max());
  r.top_k = top_k < 0 ? 0 : static_cast<int>(top_k);
  read_stops(f, r);
  if (f.problem()) outer.wrong("sampling_params:", f.problem()->message);
}

void read_targets(fields& f, sample_request& r) {
  if (!f.has("target_prompt_logprobs")) return;
  const auto t = tensor_from_json(f.at("target_prompt_logprobs"), -1);
  if (!t) return f.wrong("target_prompt_logprobs:", t.error().message);
  const auto rows = static_cast<std::int64_t>(r.prompt.size()) - 1;
  if (t->shape.size() != 2 || t->shape[0] != rows)
    return f.wrong("target_prompt_logprobs",
                   fmt::format("must be [{}, K]: one row for each token after the first", rows));
  r.target_columns = t->shape[1];
  for (const double v : t->values)
    r.targets.push_back(static_cast<std::int32_t>(std::clamp(v, -1.0, 2e9)));
}

}  // namespace

result<sample_request> decode_sample(const json& body) {
  if (!body.is_object()) return fail("tinker.bad_request", "the body must be a JSON object");
  sample_request r;
  fields f(body);
  f.text("sampling_session_id", r.session_id);
  f.text("base_model", r.base_model), f.text("model_path", r.model_path);
  f.whole("seq_id", r.seq_id, 0, std::numeric_limits<std::int64_t>::max());
  f.whole("num_samples", r.num_samples, 1, 1024);
  f.flag("prompt_logprobs", r.prompt_logprobs);
  f.whole("topk_prompt_logprobs", r.topk_prompt, 0, 1024);
  f.whole("topk_sample_logprobs", r.topk_sample, 0, 1024);
  f.whole("prompt_alt_tokens_k", r.alternatives, 0, 1024);
  std::int64_t last = 0;
  f.whole("prompt_logprobs_last_n", last, 0, std::numeric_limits<std::int32_t>::max());
  if (f.has("prompt_logprobs_last_n")) r.last_n = last;
  read_prompt(f, r);
  read_params(body.value("sampling_params", json::object()), f, r);
  read_targets(f, r);
  if (f.problem() && !r.problem) return tl::unexpected(*f.problem());
  if (!r.problem && r.prompt.empty())
    return fail("tinker.bad_request", "prompt must have at least one token");
  return r;
}

namespace {

template <class T>
std::string bytes_of(const std::vector<T>& v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
}

/// Rows x k; an empty cell is token 0 with -99999.
void fill(pb::TopkLogprobs& out, const std::vector<top_tokens>& rows, int k) {
  std::vector<std::int32_t> ids;
  std::vector<float> logprobs;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
      ids.push_back(i < row.ids.size() ? row.ids[i] : 0);
      logprobs.push_back(i < row.ids.size() ? row.logprobs[i] : -99999.0f);
    }
  out.set_token_ids(bytes_of(ids)), out.set_logprobs(bytes_of(logprobs));
  out.set_k(static_cast<std::uint32_t>(k));
  out.set_length(static_cast<std::uint32_t>(rows.size()));
}

template <class T>
void fill(pb::Tensor& out, const std::vector<T>& v, std::int64_t rows, std::int64_t columns,
          pb::DType type) {
  out.set_dense(bytes_of(v));
  out.set_dtype(type);
  out.add_shape(rows), out.add_shape(columns);
}

}  // namespace

std::string encode(const sample_answer& a, int topk_sample) {
  pb::SampleResponse out;
  for (const auto& s : a.sequences) {
    auto* to = out.add_sequences();
    to->set_stop_reason(s.stopped ? 0 : 1);
    to->set_tokens(bytes_of(s.tokens));
    to->set_logprobs(bytes_of(s.logprobs));
    if (topk_sample > 0) fill(*to->mutable_topk_sampled_logprobs(), s.top, topk_sample);
  }
  if (!a.prompt_logprobs.empty()) out.set_prompt_logprobs(bytes_of(a.prompt_logprobs));
  if (a.topk > 0) fill(*out.mutable_topk_prompt_logprobs(), a.prompt_top, a.topk);
  const auto rows = a.prompt_length - 1;
  if (a.target_columns > 0)
    fill(*out.mutable_target_prompt_logprobs(), a.target_logprobs, rows, a.target_columns,
         pb::DTYPE_FLOAT32);
  if (a.alternatives > 0) {
    std::vector<std::int32_t> ids;
    std::vector<float> logprobs;
    for (const auto& row : a.alternative_rows) {
      ids.insert(ids.end(), row.ids.begin(), row.ids.end());
      logprobs.insert(logprobs.end(), row.logprobs.begin(), row.logprobs.end());
    }
    auto* to = out.mutable_prompt_alt_tokens();
    fill(*to->mutable_tokens(), ids, rows, a.alternatives, pb::DTYPE_INT32);
    fill(*to->mutable_logprobs(), logprobs, rows, a.alternatives, pb::DTYPE_FLOAT32);
  }
  return out.SerializeAsString();
}

json to_json(const sample_answer& a) {
  json sequences = json::array();
  for (const auto& s : a.sequences)
    sequences.push_back({{"stop_reason", s.stopped ? "stop" : "length"},
                         {"tokens", s.tokens},
                         {"logprobs", s.logprobs}});
  json out{{"type", "sample"}, {"sequences", sequences}};
  if (!a.prompt_logprobs.empty()) {
    out["prompt_logprobs"] = json::array();
    for (const float v : a.prompt_logprobs)
      out["prompt_logprobs"].push_back(std::isnan(v) ? json() : json(v));
  }
  if (a.topk > 0) {
    out["topk_prompt_logprobs"] = json::array();
    for (const auto& row : a.prompt_top) {
      json cells = json::array();
      for (std::size_t i = 0; i < row.ids.size(); ++i)
        cells.push_back({row.ids[i], row.logprobs[i]});
      out["topk_prompt_logprobs"].push_back(row.ids.empty() ? json() : cells);
    }
  }
  return out;
}

}  // namespace hocket::tinker
