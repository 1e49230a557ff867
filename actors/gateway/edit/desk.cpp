#include "actors/gateway/edit/desk.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "actors/gateway/edit/ask_run.hpp"
#include "actors/gateway/edit/values.hpp"
#include "graph/spec/docs.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::gateway::edit {
namespace {

constexpr int opening_limit_s = 45;  ///< of new actors: the server waits a minute for an answer

std::string line_of(const json& j) {
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

http::response said(int status, const json& j) {
  return {status, "application/json", line_of(j), {{"Cache-Control", "no-store"}}};
}

http::response problem(int status, const std::string& code, const std::string& message) {
  return said(status, {{"error", {{"code", code}, {"message", message}}}});
}

http::response silent_run() {
  return problem(503, "edit.no_run", "the run does not answer: it starts, or ends");
}

std::string text_in(const json& j, const char* key) {
  const auto it = j.is_object() ? j.find(key) : j.end();
  return it != j.end() && it->is_string() ? it->get<std::string>() : "";
}

std::int64_t number_in(const json& j, const char* key, std::int64_t otherwise) {
  const auto it = j.is_object() ? j.find(key) : j.end();
  return it != j.end() && it->is_number_integer() ? it->get<std::int64_t>() : otherwise;
}

/// What the page's forms show of a text, as far as it can be parsed.
json outline_of(const std::string& text) {
  diagnostics findings;
  const auto root = spec::parse_yaml("the graph", text, findings);
  auto actors = json::array();
  const auto* all = root ? root->find("actors") : nullptr;
  const auto* map = all != nullptr ? all->get_if<value::map>() : nullptr;
  for (const auto& a : map != nullptr ? *map : value::map())
    actors.push_back({{"name", a.key}, {"line", a.key_where.line}, {"says", json_of(a.item)}});
  return actors;
}

}  // namespace

const std::vector<page> pages = {
    {"/v1/hocket/graph/file", "GET", page::editors},
    {"/v1/hocket/graph/types", "GET", page::editors},
    {"/v1/hocket/graph/edit", "POST", page::editors},
    {"/v1/hocket/graph/check", "POST", page::editors},
    {"/v1/hocket/graph/apply", "POST", page::editors},
    {"/v1/hocket/graph/back", "POST", page::editors},
    {"/v1/hocket/graph/status", "GET", page::readers},
    {"/v1/hocket/graph/events", "GET", page::readers},
    {"/v1/hocket/training", "GET", page::learners},
};

bool desk::is_page(std::string_view path) {
  return std::ranges::any_of(pages, [&](const page& p) { return path == p.path; });
}

void desk::take(http::request r, tell then) {
  const bool edits = std::ranges::any_of(
      pages, [&](const page& p) { return r.path == p.path && p.is_for == page::editors; });
  auto& on = edits ? editors_ : readers_;
  std::unique_lock lock(mutex_);
  if (is_over_ || on.waiting.size() >= most_waiting) {
    lock.unlock();
    return then(problem(503, "edit.busy", "too much is asked for at once"));
  }
  on.waiting.emplace_back(std::move(r), std::move(then));
  if (!on.thread.joinable()) on.thread = std::thread([this, &on] { work(on); });
  wanted_.notify_all();
}

void desk::stop() {
  {
    std::lock_guard lock(mutex_);
    is_over_ = true;
    wanted_.notify_all();
  }
  for (auto* on : {&editors_, &readers_}) {
    if (on->thread.joinable()) on->thread.join();
    for (auto& [r, then] : std::exchange(on->waiting, {})) then(silent_run());
  }
}

void desk::work(lane& on) {
  for (std::unique_lock lock(mutex_);;) {
    wanted_.wait(lock, [&] { return is_over_ || !on.waiting.empty(); });
    if (is_over_) return;
    auto [r, then] = std::move(on.waiting.front());
    on.waiting.pop_front();
    lock.unlock();
    http::response out;
    try {
      out = answer(r);
    } catch (const std::exception& e) {
      out = problem(500, "edit.failed", e.what());
    }
    then(std::move(out));
    lock.lock();
  }
}

http::response desk::answer(const http::request& r) const {
  if (r.path == "/v1/hocket/graph/file") return file(r);
  if (r.path == "/v1/hocket/graph/types") return types();
  if (r.path == "/v1/hocket/graph/status") {
    const auto told = ask_run(run_socket(), "status");
    if (told.empty()) return silent_run();
    return {200, "application/json", told, {{"Cache-Control", "no-store"}}};
  }
  if (r.path == "/v1/hocket/graph/events") return said(200, events_of(options_.output_dir));
  if (r.path == "/v1/hocket/training") {
    if (options_.training.empty())
      return problem(404, "not_shown", "no folder of a run that trains is shown");
    return said(200, training_of(options_.training));
  }
  const auto asked = read_json(r.body);
  if (!asked.is_object()) return problem(400, "edit.bad_request", "the body is a JSON object");
  if (r.path == "/v1/hocket/graph/back") return back(asked);
  if (text_in(asked, "text").empty())
    return problem(400, "edit.bad_request", "`text` is the graph file");
  if (r.path == "/v1/hocket/graph/edit") return edited(asked);
  // The files beside it are the run's own, not the page's to give.
  return rewired({{"text", text_in(asked, "text")}, {"revision", number_in(asked, "revision", -1)}},
                 r.path == "/v1/hocket/graph/check");
}

/// The text that runs, or an earlier one (`?revision=`).
http::response desk::file(const http::request& r) const {
  const auto wanted = r.parameter("revision").value_or("");
  if (wanted.find_first_not_of("0123456789") != wanted.npos || wanted.size() > 9)
    return problem(400, "edit.bad_request", "`revision` is a number");
  auto told = read_json(ask_run(run_socket(), wanted.empty() ? "graph" : "graph " + wanted));
  if (!told.is_object()) return silent_run();
  if (told.contains("error")) return problem(404, "edit.no_revision", text_in(told, "error"));
  told.erase("includes");  // may hold values of the environment
  told["actors"] = outline_of(text_in(told, "text"));
  return said(200, told);
}

http::response desk::types() const {
  auto out = json::array();
  for (const auto& name : options_.types->component_names())
    if (const auto* type = options_.types->find_component(name))
      out.push_back(read_json(spec::describe_json(*type)));
  return said(200, {{"components", out}});
}

/// A text with changes; nothing of the run is touched.
http::response desk::edited(const json& asked) const {
  std::vector<change> changes;
  const auto list = asked.find("changes");
  if (list == asked.end() || !list->is_array() || list->size() > 64)
    return problem(400, "edit.bad_request", "`changes` is a list of at most 64");
  for (const auto& j : *list) {
    auto c = read_change(j);
    if (!c) return problem(400, c.error().code, c.error().message);
    changes.push_back(std::move(*c));
  }
  const auto text = changed(text_in(asked, "text"), changes);
  if (!text) return problem(422, text.error().code, text.error().message);
  return said(200, {{"text", *text}, {"actors", outline_of(*text)}});
}

/// What the run says to another text: what would change, or that it did.
http::response desk::rewired(const json& asked, bool dry_run) const {
  const auto now = read_json(ask_run(run_socket(), "graph"));
  if (!now.is_object() || now.contains("error")) return silent_run();
  const auto base = number_in(asked, "revision", -1);
  if (!dry_run && base < 1)
    return problem(409, "edit.changed_meanwhile", "`revision` says what is to be changed");
  const auto text = text_in(asked, "text");
  // The run compares, when no other change can come between.
  const json request = {
      {"file", text_in(asked, "file").empty() ? text_in(now, "file") : text_in(asked, "file")},
      {"text", text},
      {"includes", asked.value("includes", json::object())},
      {"dry_run", dry_run},
      {"limit_s", opening_limit_s},
      {"revision", dry_run ? 0 : base + 1}};
  auto told = read_json(ask_run(run_socket(), "rewire " + line_of(request), 10'000));
  const auto ticket = number_in(told, "ticket", 0);
  if (ticket == 0)
    return told.is_object() ? problem(503, "edit.refused", text_in(told, "error")) : silent_run();
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    told = read_json(ask_run(run_socket(), "rewired " + std::to_string(ticket), 10'000));
    // A change that replaces the gateway itself waits for this thread.
  } while (text_in(told, "state") == "running" && !is_over_);
  if (!told.is_object() || told.contains("error") || is_over_) return silent_run();
  if (text_in(told, "code") == "rewire.changed_meanwhile")
    return problem(409, "edit.changed_meanwhile", text_in(told, "why"));
  return said(200, {{"outcome", told}, {"actors", outline_of(text)}});
}

/// The revision before the one that runs, again.
http::response desk::back(const json& asked) const {
  const auto base = number_in(asked, "revision", 0);
  if (base < 2)
    return problem(409, "edit.no_revision",
                   "this run has had one graph only: there is no way back");
  const auto before = read_json(ask_run(run_socket(), "graph " + std::to_string(base - 1)));
  if (!before.is_object()) return silent_run();
  if (before.contains("error")) return problem(404, "edit.no_revision", text_in(before, "error"));
  return rewired({{"file", text_in(before, "file")},
                  {"text", text_in(before, "text")},
                  {"includes", before.value("includes", json::object())},
                  {"revision", base}},
                 false);
}

}  // namespace hocket::gateway::edit
