#include "actors/observe/packet_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "graph/text/clean.hpp"

namespace hocket::observe {
namespace {

using json = nlohmann::ordered_json;

/// Figures of a long tensor are those of its beginning: somebody waits for the packet.
constexpr std::size_t looked_at = 16'384;

/// What is not finite has no number in JSON.
json number(double v) { return std::isfinite(v) ? json(v) : json(fmt::to_string(v)); }

json statistics(std::span<const float> x) {
  const auto n = std::min(x.size(), looked_at);
  if (n == 0) return json::object();
  double sum = 0;
  float least = x[0], most = x[0];
  for (std::size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(x[i]);
    least = std::min(least, x[i]);
    most = std::max(most, x[i]);
  }
  return {{"min", number(least)},
          {"mean", number(sum / static_cast<double>(n))},
          {"max", number(most)}};
}

class writer {
 public:
  writer(bool with_words, std::size_t longest) : with_words_(with_words), longest_(longest) {}

  json operator()(const audio_chunk& a) const {
    const auto x = a.samples.as<float>();
    const auto n = std::min(x.size(), looked_at);
    double squares = 0;
    float peak = 0;
    for (std::size_t i = 0; i < n; ++i) {
      squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      peak = std::max(peak, std::abs(x[i]));
    }
    const auto rms = n == 0 ? 0 : std::sqrt(squares / static_cast<double>(n));
    return {{"rate_hz", a.rate_hz},
            {"channels", a.channels},
            {"frames", a.channels > 0 ? a.frames() : 0},
            {"first_sample", a.first_sample},
            {"rms", number(rms)},
            {"peak", number(peak)}};
  }
  json operator()(const video_frame& v) const {
    return {{"width", v.width}, {"height", v.height}, {"bytes", v.pixels.size_bytes()}};
  }
  json operator()(const tensor& t) const {
    json out = {{"dtype", to_string(t.type)}, {"shape", t.shape}};
    if (t.type == dtype::f32) out.update(statistics(t.data.as<float>()));
    return out;
  }
  json operator()(const text& t) const {
    json out = {{"role", clean_text(t.role)}};
    put(out, "value", t.value);
    if (t.request != 0) out["request"] = t.request;
    out["final"] = t.final;
    return out;
  }
  json operator()(const tool_call& c) const {
    json out = {{"call", c.call}, {"request", c.request}, {"tool", clean_text(c.tool)}};
    put(out, "arguments_json", c.arguments_json);
    return out;
  }
  json operator()(const tool_result& r) const {
    json out = {{"call", r.call},
                {"request", r.request},
                {"tool", clean_text(r.tool)},
                {"status", to_string(r.status)}};
    put(out, "content", r.content);
    return out;
  }
  json operator()(const delegation& d) const {
    json out = {{"request", d.request},
                {"action", d.what == delegation::action::cancel ? "cancel" : "start"}};
    put(out, "task", d.task);
    put(out, "transcript", d.transcript);
    out["from_micro_turn"] = d.from_micro_turn;
    out["to_micro_turn"] = d.to_micro_turn;
    if (d.supersedes != 0) out["supersedes"] = d.supersedes;
    return out;
  }
  json operator()(const training_example& e) const {
    json tensors = json::object();
    for (const auto& [name, t] : e.tensors) tensors[clean_text(name)] = (*this)(t);
    return {{"tensors", tensors}};
  }
  json operator()(const adapter& a) const {
    return {{"name", clean_text(a.name)}, {"bytes", a.weights.size_bytes()}};
  }
  json operator()(const control& c) const {
    return {{"what", to_string(c.what)}, {"value", c.value}, {"detail", clean_text(c.detail)}};
  }

 private:
  void put(json& out, const char* key, const std::string& words) const {
    if (!with_words_) {
      out[std::string(key) + "_bytes"] = words.size();
      return;
    }
    out[key] = clean_text(words.size() > longest_ ? words.substr(0, longest_) : words);
    if (words.size() > longest_) out["cut"] = words.size();
  }

  bool with_words_;
  std::size_t longest_;
};

/// Takes keys out of an object; what is left over is unknown.
class reader {
 public:
  explicit reader(json from) : from_(std::move(from)) {}

  reader& words(const char* key, std::string& into, bool required = false) {
    if (const auto* v = take(key, required)) {
      if (v->is_string())
        into = clean_text(v->get<std::string>());
      else if (std::string_view(key) == "arguments_json" && v->is_object())
        into = v->dump(-1, ' ', false, json::error_handler_t::replace);
      else
        bad(key, "a text");
    }
    return *this;
  }
  template <class T>
  reader& number(const char* key, T& into) {
    if (const auto* v = take(key, false)) {
      if (v->is_number_unsigned() || (v->is_number_integer() && std::is_signed_v<T>))
        into = v->get<T>();
      else
        bad(key, "a whole number");
    }
    return *this;
  }
  reader& flag(const char* key, bool& into) {
    if (const auto* v = take(key, false)) {
      if (v->is_boolean())
        into = v->get<bool>();
      else
        bad(key, "true or false");
    }
    return *this;
  }
  template <class T, std::size_t N>
  reader& one_of(const char* key, T& into, const std::array<T, N>& all, auto&& name_of) {
    std::string name;
    words(key, name);
    if (name.empty()) return *this;
    for (const auto& v : all)
      if (name == name_of(v)) return into = v, *this;
    bad(key, "one of its words");
    return *this;
  }
  result<payload> end(payload what) const {
    if (!why_.empty()) return fail("send.bad_payload", why_);
    for (const auto& [key, v] : from_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        return fail("send.bad_payload", fmt::format("unknown key `{}`; keys: {}", clean_text(key),
                                                    fmt::join(known_, ", ")));
    return what;
  }

 private:
  const json* take(const char* key, bool required) {
    known_.emplace_back(key);
    const auto it = from_.find(key);
    if (it != from_.end()) return &*it;
    if (required && why_.empty()) why_ = fmt::format("`{}` is missing", key);
    return nullptr;
  }
  void bad(const char* key, const char* wanted) {
    if (why_.empty()) why_ = fmt::format("`{}` must be {}", key, wanted);
  }

  json from_;
  std::vector<std::string> known_;
  std::string why_;
};

constexpr std::array outcomes = {outcome::ok, outcome::failed, outcome::cancelled,
                                 outcome::timed_out, outcome::superseded};
constexpr std::array actions = {delegation::action::start, delegation::action::cancel};

result<payload> typed_text(const std::string& typed, const json& parsed) {
  text t;
  t.role = "user";
  if (!parsed.is_object()) {
    t.value = clean_text(typed);
    return payload(std::move(t));
  }
  reader in(parsed);
  in.words("value", t.value, true).words("role", t.role).number("request", t.request);
  in.flag("final", t.final);
  return in.end(std::move(t));
}

}  // namespace

json figures_of(const payload& what, bool with_words, std::size_t longest) {
  return std::visit(writer(with_words, longest), what);
}

result<payload> payload_of(payload_kind kind, const std::string& typed) {
  // What is nested deeper than anybody types is left out: writing it again would recurse as deep.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= 32; };
  const auto parsed = json::parse(typed, shallow, false);
  if (kind == payload_kind::text) return typed_text(typed, parsed);
  const bool can = kind == payload_kind::tool_call || kind == payload_kind::tool_result ||
                   kind == payload_kind::delegation;
  if (!can)
    return fail(
        "send.cannot_type",
        fmt::format("it carries {}, which cannot be typed: text, tool_call, tool_result and "
                    "delegation can",
                    to_string(kind)));
  if (!parsed.is_object())
    return fail("send.bad_payload", fmt::format("{} is a JSON object", to_string(kind)));
  reader in(parsed);
  if (kind == payload_kind::tool_call) {
    tool_call c;
    in.number("call", c.call).number("request", c.request).words("tool", c.tool, true);
    in.words("arguments_json", c.arguments_json);
    return in.end(std::move(c));
  }
  if (kind == payload_kind::tool_result) {
    tool_result r;
    in.number("call", r.call).number("request", r.request).words("tool", r.tool, true);
    in.one_of("status", r.status, outcomes, [](auto v) { return to_string(v); });
    in.words("content", r.content);
    return in.end(std::move(r));
  }
  delegation d;
  in.number("request", d.request).words("task", d.task, true).words("transcript", d.transcript);
  in.one_of("action", d.what, actions,
            [](auto v) { return v == delegation::action::cancel ? "cancel" : "start"; });
  in.number("from_micro_turn", d.from_micro_turn).number("to_micro_turn", d.to_micro_turn);
  in.number("supersedes", d.supersedes);
  return in.end(std::move(d));
}

}  // namespace hocket::observe
