#include "actors/observe/port_desk.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/host/plan_view.hpp"
#include "actors/observe/packet_text.hpp"
#include "actors/observe/port_names.hpp"
#include "graph/core/clock.hpp"
#include "graph/payloads/payload_schema.hpp"

namespace hocket::observe {
namespace {

using json = nlohmann::ordered_json;

std::string text_of(const json& j) {
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string error_line(const error& e) { return text_of({{"error", e.message}, {"code", e.code}}); }

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc() || end != text.data() + text.size()) return {};
  return n;
}

/// What a request names. Errors: echo.bad_request.
struct wanted {
  std::string output, payload;
  bool is_input = false;  ///< `input` stood in place of `output`
  std::uint64_t session = 0;
  double every_s = 0;  ///< how often it will be asked again
};
result<wanted> read(const std::string& line) {
  const auto j = json::parse(line, nullptr, false);
  const auto bad = [] { return fail("echo.bad_request", "it takes an object with `output`"); };
  if (!j.is_object()) return bad();
  wanted out;
  out.is_input = j.contains("input") && !j.contains("output");
  const auto output = j.find(out.is_input ? "input" : "output"), session = j.find("session"),
             what = j.find("payload");
  const auto every = j.find("every_s");
  if (output == j.end() || !output->is_string()) return bad();
  out.output = output->get<std::string>();
  if (session != j.end()) {
    if (!session->is_number_unsigned()) return bad();
    out.session = session->get<std::uint64_t>();
  }
  if (every != j.end()) {
    if (!every->is_number()) return bad();
    out.every_s = every->get<double>();
    if (!(out.every_s >= 0 && out.every_s <= 86'400))
      return fail("echo.bad_request", "`every_s` is from 0 to 86400");
  }
  if (what != j.end()) {
    if (!what->is_string()) return bad();
    out.payload = what->get<std::string>();
  }
  return out;
}

}  // namespace

std::string port_desk::answer(const std::string& line, const sayer& say) {
  const auto after = [&](std::string_view word) { return line.substr(word.size()); };
  if (line.starts_with("echo ")) return begin_echo(after("echo "));
  if (line.starts_with("echoed ")) return fetch(after("echoed "));
  if (line.starts_with("echo_end ")) return end_echo(after("echo_end "));
  if (line.starts_with("hz ")) return begin_hz(after("hz "));
  if (line.starts_with("hz_of ")) return figures(after("hz_of "));
  if (line.starts_with("hz_end ")) return end_hz(after("hz_end "));
  if (line.starts_with("send ")) return begin_send(after("send "), say);
  if (line.starts_with("sent ")) return outcome(after("sent "));
  return "";
}

void port_desk::started(const plan& graph, const clock& time) {
  std::lock_guard lock(mutex_);
  graph_ = &graph;
  time_ = &time;
}

void port_desk::rewired(const host::graph_revision& now) {
  std::lock_guard lock(mutex_);
  graph_ = &now.graph;
  for (auto& [number, e] : echoes_) e.is_gone = !find_output(now.graph, e.output, host_);
}

std::vector<std::uint64_t> port_desk::take(const std::string& name, const packet& p) {
  const auto session = static_cast<std::uint64_t>(p.header.session);
  for (auto& [number, m] : meters_)
    if ((m.session == 0 || m.session == session) &&
        std::find(m.outputs.begin(), m.outputs.end(), name) != m.outputs.end())
      m.figures.note(name, p.header.session, size_bytes(*p.body), monotonic_ns());
  std::vector<std::uint64_t> wanted;
  for (auto& [number, e] : echoes_) {
    if (e.output != name || (e.session != 0 && e.session != session)) continue;
    ++e.total;
    if (e.has_room())
      wanted.push_back(number);
    else
      ++e.missed;
  }
  return wanted;
}

std::string port_desk::line_of(const plan& graph, actor_index actor, std::size_t port,
                               const packet& p, const clock* time) const {
  const auto& h = p.header;
  json j = {{"at_s", h.ts.seconds()},
            {"session", static_cast<std::uint64_t>(h.session)},
            {"seq", h.seq},
            {"epoch", h.epoch}};
  if (time != nullptr) j["age_ms"] = static_cast<double>((time->now() - h.origin_ts).count()) / 1e6;
  j["bytes"] = size_bytes(*p.body);
  j["kind"] = to_string(p.kind());
  j["payload"] = figures_of(*p.body, with_words_);
  if (const auto* schema = schema_of(graph.actors[actor], port)) show(*schema, *p.body, j);
  return text_of(j);
}

// Calls for one output come one at a time, so that its packets stay in order.
void port_desk::packet_emitted(const plan& graph, actor_index actor, std::size_t port,
                               const packet& p) {
  if (open_.load(std::memory_order_relaxed) == 0 || !p.body) return;
  const auto name = host::output_name(graph, actor, port);
  std::vector<std::uint64_t> wanted;
  const clock* time = nullptr;
  {
    std::lock_guard lock(mutex_);
    drop_forgotten();
    wanted = take(name, p);
    time = time_;
  }
  if (wanted.empty()) return;
  const auto line = line_of(graph, actor, port, p, time);
  std::lock_guard lock(mutex_);
  for (const auto number : wanted) {
    const auto it = echoes_.find(number);
    if (it == echoes_.end()) continue;
    auto& e = it->second;
    if (!e.has_room()) {
      ++e.missed;
      continue;
    }
    e.packets.push_back(line);
    e.bytes += line.size();
  }
}

void port_desk::show(const payloads::payload_schema& schema, const payload& what,
                     nlohmann::ordered_json& into) const {
  into["schema"] = schema.name();
  if (!with_words_) return;
  const auto text = schema.json_of(what);
  if (text.empty() || text.size() > shown_max) return;
  auto parsed = json::parse(text, nullptr, false);
  if (!parsed.is_discarded()) into["payload"] = {{"json", std::move(parsed)}};
}

void port_desk::drop_forgotten() {
  const auto now = monotonic_ns();
  std::erase_if(echoes_, [&](const auto& e) {
    return now - e.second.asked_ns > std::int64_t{forgotten_s_} * 1'000'000'000;
  });
  std::erase_if(meters_, [&](const auto& m) { return now - m.second.asked_ns > m.second.kept_ns; });
  open_.store(static_cast<int>(echoes_.size() + meters_.size()));
}

std::string port_desk::begin_echo(const std::string& request) {
  const auto asked = read(request);
  if (!asked) return error_line(asked.error());
  std::lock_guard lock(mutex_);
  drop_forgotten();
  if (graph_ == nullptr) return error_line({"echo.not_yet", "the run has not begun"});
  const auto found = find_output(*graph_, asked->output, host_);
  if (!found) return error_line(found.error());
  if (echoes_.size() >= echoes_max)
    return error_line({"echo.too_many", fmt::format("{} others look already", echoes_max)});
  auto& e = echoes_[++last_];
  e.output = asked->output;
  e.session = asked->session;
  e.asked_ns = monotonic_ns();
  drop_forgotten();
  json out = {{"echo", last_}, {"kind", to_string(found->port->type.kind)}};
  if (found->schema != nullptr) out["schema"] = found->schema->name();
  if (!host_.empty()) out["host"] = host_;
  return text_of(out);
}

std::string port_desk::fetch(const std::string& number) {
  const auto n = number_of(number);
  std::deque<std::string> packets;
  std::uint64_t total = 0, missed = 0;
  bool is_gone = false;
  {
    std::lock_guard lock(mutex_);
    const auto it = n ? echoes_.find(*n) : echoes_.end();
    if (it == echoes_.end())
      return error_line({"echo.over", "no such echo: it was not asked for long"});
    auto& e = it->second;
    e.asked_ns = monotonic_ns();
    drop_forgotten();
    packets.swap(e.packets);
    e.bytes = 0;
    total = e.total, missed = e.missed, is_gone = e.is_gone;
  }
  std::string out = R"({"packets":[)";
  for (const auto& p : packets) out += (&p == &packets.front() ? "" : ",") + p;
  out += fmt::format(R"(],"total":{},"missed":{})", total, missed);
  // A change may have taken it away, and another one may bring it back.
  if (is_gone) out += R"(,"gone":true)";
  return out + "}";
}

std::string port_desk::end_echo(const std::string& number) {
  const auto n = number_of(number);
  std::lock_guard lock(mutex_);
  if (!n || echoes_.erase(*n) == 0) return error_line({"echo.over", "no such echo"});
  drop_forgotten();
  return text_of({{"ended", *n}});
}

std::string port_desk::begin_hz(const std::string& request) {
  const auto asked = read(request);
  if (!asked) return error_line(asked.error());
  std::lock_guard lock(mutex_);
  drop_forgotten();
  if (graph_ == nullptr) return error_line({"echo.not_yet", "the run has not begun"});
  const auto port = find_measured(*graph_, asked->output, asked->is_input, host_);
  if (!port) return error_line(port.error());
  if (meters_.size() >= echoes_max)
    return error_line({"echo.too_many", fmt::format("{} others look already", echoes_max)});
  const auto now = monotonic_ns();
  const auto kept_s = std::max<double>(forgotten_s_, 3 * asked->every_s);
  meters_.emplace(++last_, meter{asked->output, port->outputs, asked->session, now,
                                 static_cast<std::int64_t>(kept_s * 1e9), port_meter(now)});
  drop_forgotten();
  json out = {
      {"hz", last_}, {"outputs", port->outputs}, {"is", port->is_input ? "input" : "output"}};
  if (port->is_both) out["also"] = port->is_input ? "output" : "input";
  if (!host_.empty()) out["host"] = host_;
  return text_of(out);
}

std::string port_desk::figures(const std::string& number) {
  const auto n = number_of(number);
  std::lock_guard lock(mutex_);
  const auto it = n ? meters_.find(*n) : meters_.end();
  if (it == meters_.end())
    return error_line({"echo.over", "no such meter: it was not asked for long"});
  auto& m = it->second;
  const auto now = m.asked_ns = monotonic_ns();
  drop_forgotten();
  const auto of = [](const port_meter::window& w, std::int64_t ns) {
    const double s = static_cast<double>(ns) / 1e9;
    json out = {{"packets", w.packets}, {"bytes", w.bytes}, {"seconds", s}};
    out["per_s"] = s > 0 ? static_cast<double>(w.packets) / s : 0;
    out["bytes_per_s"] = s > 0 ? static_cast<double>(w.bytes) / s : 0;
    if (w.intervals > 0) {
      out["mean_ms"] = w.mean_ms;
      out["jitter_ms"] = w.jitter_ms();
      out["min_ms"] = w.least_ms;
      out["max_ms"] = w.most_ms;
    }
    return out;
  };
  const auto whole = of(m.figures.whole(), now - m.figures.began_ns());
  const auto [since, ns] = m.figures.take(now);
  auto out = of(since, ns);
  out["all"] = whole;
  return text_of(out);
}

std::string port_desk::end_hz(const std::string& number) {
  const auto n = number_of(number);
  std::lock_guard lock(mutex_);
  if (!n || meters_.erase(*n) == 0) return error_line({"echo.over", "no such meter"});
  drop_forgotten();
  return text_of({{"ended", *n}});
}

std::string port_desk::begin_send(const std::string& request, const sayer& say) {
  const auto asked = read(request);
  if (!asked) return error_line(asked.error());
  std::uint64_t number = 0;
  result<payload> what = payload();
  {
    std::lock_guard lock(mutex_);
    if (graph_ == nullptr) return error_line({"send.not_running", "the run has not begun"});
    const auto found = find_output(*graph_, asked->output, host_);
    if (!found) return error_line(found.error());
    what = found->schema != nullptr ? found->schema->typed(asked->payload)
                                    : payload_of(found->port->type.kind, asked->payload);
    number = ++last_;
  }
  if (!what) return error_line(what.error());
  {
    std::lock_guard lock(outbox_->mutex);
    // Outcomes that were never fetched do not pile up.
    while (outbox_->all.size() >= sends_max && !outbox_->all.begin()->second.answer.empty())
      outbox_->all.erase(outbox_->all.begin());
    if (outbox_->all.size() >= sends_max)
      return error_line({"send.busy", fmt::format("{} packets wait already", sends_max)});
    outbox_->all[number];
  }
  const auto told = [to = std::weak_ptr(outbox_), number](const result<host::sent_packet>& how) {
    const auto box = to.lock();
    if (!box) return;
    const auto line = how ? text_of({{"state", "sent"},
                                     {"session", static_cast<std::uint64_t>(how->session)},
                                     {"seq", how->seq},
                                     {"at_s", how->ts.seconds()}})
                          : error_line(how.error());
    std::lock_guard lock(box->mutex);
    if (const auto it = box->all.find(number); it != box->all.end()) it->second.answer = line;
  };
  say(asked->output, static_cast<session_id>(asked->session == 0 ? 1 : asked->session),
      std::move(*what), told);
  return text_of({{"send", number}});
}

std::string port_desk::outcome(const std::string& number) {
  const auto n = number_of(number);
  std::lock_guard lock(outbox_->mutex);
  const auto it = n ? outbox_->all.find(*n) : outbox_->all.end();
  if (it == outbox_->all.end()) return error_line({"send.unknown", "no such packet"});
  if (it->second.answer.empty()) return text_of({{"state", "waiting"}});
  auto out = std::move(it->second.answer);
  outbox_->all.erase(it);
  return out;
}

}  // namespace hocket::observe
