#include "actors/trainer/examples/judge.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "engine/language/files/json_lines.hpp"
#include "engine/language/files/mapped_file.hpp"

namespace hocket::trainer {
namespace {

using nlohmann::json;

constexpr std::size_t most_bytes = 64u << 20;

std::string plain(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (c != ' ' && c != '"' && c != '\'') out += c;
  }
  while (out.ends_with('.')) out.pop_back();
  return out;
}

/// Without an article in front.
std::string bare(std::string text) {
  for (const char* article : {"the ", "a ", "an ", "The ", "A ", "An "})
    if (text.starts_with(article)) return plain(text.substr(std::string_view(article).size()));
  return plain(text);
}

std::optional<double> number_of(const json& v) {
  if (v.is_number()) return v.get<double>();
  if (!v.is_string()) return {};
  const auto& s = v.get_ref<const std::string&>();
  char* end = nullptr;
  const double n = std::strtod(s.c_str(), &end);
  if (s.empty() || *end != '\0' || !std::isfinite(n)) return {};
  return n;
}

result<labelled_request> request_of(const json& j) {
  const auto bad = [](const char* what) { return fail("train.labels", what); };
  const auto text = [&](const json& of, const char* key, std::string otherwise) {
    const auto v = of.value(key, json());
    return v.is_string() ? v.get<std::string>() : std::move(otherwise);
  };
  if (!j.is_object()) return bad("no JSON object");
  labelled_request r;
  r.kind = text(j, "kind", ""), r.task = text(j, "task", "");
  r.transcript = text(j, "transcript", ""), r.answer = text(j, "answer", "done");
  if (r.task.empty()) return bad("it has no `task`");
  const auto calls = j.value("calls", json::array());
  if (!calls.is_array()) return bad("`calls` is no list");
  for (const auto& c : calls) {
    if (!c.is_object() || text(c, "tool", "").empty()) return bad("a call has no `tool`");
    auto arguments = c.value("arguments", json::object());
    if (!arguments.is_object()) return bad("`arguments` of a call are no object");
    r.calls.push_back({text(c, "tool", ""), std::move(arguments), text(c, "result", "done")});
  }
  return r;
}

double share(std::int64_t part, std::int64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

result<std::vector<labelled_request>> read_labelled(const std::string& path) {
  const auto text = language::read_text(path, most_bytes);
  if (!text) return fail(text);
  std::vector<labelled_request> all;
  const auto read = language::for_each_json_line(*text, path, [&](const json& j) -> result<void> {
    auto r = request_of(j);
    if (!r) return fail(r);
    all.push_back(std::move(*r));
    return {};
  });
  if (!read) return fail("train.labels", read.error().message);
  if (all.empty()) return fail("train.labels", path + ": no request");
  return all;
}

json to_json(const labelled_request& r) {
  auto calls = json::array();
  for (const auto& c : r.calls)
    calls.push_back({{"tool", c.tool}, {"arguments", c.arguments}, {"result", c.result}});
  return {{"kind", r.kind},
          {"task", r.task},
          {"transcript", r.transcript},
          {"calls", calls},
          {"answer", r.answer}};
}

bool same_argument(const json& a, const json& b) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y) return *x == *y;
  if (a.is_string() && b.is_string())
    return bare(a.get<std::string>()) == bare(b.get<std::string>());
  return a == b;
}

bool same_arguments(const json& a, const json& b) {
  if (!a.is_object() || !b.is_object() || a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items())
    if (!b.contains(key) || !same_argument(value, b[key])) return false;
  return true;
}

bool talk_score::add(const labelled_request& wanted, std::span<const made_call> calls,
                     bool failed) {
  std::vector<bool> met(wanted.calls.size(), false), right(wanted.calls.size(), false);
  std::int64_t unwanted = 0;
  for (const auto& call : calls) {
    const auto arguments = json::parse(call.arguments_json, nullptr, false);
    std::size_t best = wanted.calls.size();
    for (std::size_t i = 0; i < wanted.calls.size(); ++i) {
      if (met[i] || wanted.calls[i].tool != call.tool) continue;
      // Of two needs of one tool, the one that it meets.
      if (best == wanted.calls.size() || same_arguments(wanted.calls[i].arguments, arguments))
        best = i;
    }
    if (best == wanted.calls.size()) {
      ++unwanted;
      continue;
    }
    met[best] = true;
    right[best] = same_arguments(wanted.calls[best].arguments, arguments);
  }
  ++cases;
  expected += static_cast<std::int64_t>(wanted.calls.size());
  made += static_cast<std::int64_t>(calls.size());
  right_tool += std::ranges::count(met, true);
  exact += std::ranges::count(right, true);
  wrong += unwanted;
  const bool all = !failed && unwanted == 0 && std::ranges::all_of(right, [](bool r) { return r; });
  passed += all ? 1 : 0;
  return all;
}

double talk_score::f1() const {
  const auto all = expected + made;
  return all == 0 ? 1 : 2.0 * static_cast<double>(right_tool) / static_cast<double>(all);
}
double talk_score::pass() const { return share(passed, cases); }
double talk_score::exact_share() const { return share(exact, expected); }

json talk_score::json() const {
  return {{"cases", cases},
          {"pass1", pass()},
          {"f1", f1()},
          {"exact_arguments", exact_share()},
          {"wrong_calls", share(wrong, cases)}};
}

}  // namespace hocket::trainer
