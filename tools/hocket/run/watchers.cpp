#include "tools/hocket/run/watchers.hpp"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "graph/core/clock.hpp"
#include "graph/trust/files.hpp"
#include "tools/report/measures.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {

using namespace report;

result<std::unique_ptr<watchers>> watchers::make(const run_options& o, const plan& graph) {
  std::unique_ptr<watchers> out(new watchers(observe::service_manager::from_environment(), o));
  out->graph_ = graph.name;
  if (!o.trace.empty()) {
    observe::trace_options how;
    how.path = out->trace_path_ = o.trace;
    how.every = o.trace_every;
    auto trace = observe::trace_file::open(std::move(how), graph);
    if (!trace) return fail(trace);
    out->trace_ = std::move(*trace);
  }
  if (!o.otlp.empty()) HOCKET_TRY(out->open_otlp(o, graph));
  if (!o.metrics.empty() || !o.health.empty()) {
    observe::http_options how;
    how.address = o.metrics;
    how.health = o.health;
    how.beyond_loopback = o.metrics_public;
    how.names = o.metrics_names;
    how.who = {graph.name, graph.hash, o.host, version(), revision()};
    auto server = observe::http_server::start(how, out->window_);
    if (!server) return fail(server);
    out->server_ = std::move(*server);
    // With port 0 only these say where it listens.
    const auto tell = [&](const char* name, const std::string& url) {
      if (url.empty()) return;
      out->url_files_.push_back((std::filesystem::path(o.out) / name).string());
      if (const auto done = trust::write_file(out->url_files_.back(), url + "\n"); !done)
        say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
    };
    tell("metrics.url", out->server_->url());
    tell("health.url", out->server_->health_url());
    if (!o.metrics.empty()) say(stderr, "metrics: {}/metrics\n", out->server_->url());
    if (!o.health.empty()) say(stderr, "health: {}/healthz\n", out->server_->health_url());
  }
  return out;
}

result<void> watchers::open_otlp(const run_options& o, const plan& graph) {
  otlp::export_options how;
  how.url = o.otlp;
  how.plain = o.otlp_plain;
  how.every = o.trace_every;
  if (const char* headers = std::getenv("OTEL_EXPORTER_OTLP_HEADERS")) how.headers = headers;
  how.who = {graph.name, graph.hash, o.host, version(), ""};
  const trust::capability may(trust::default_policy(trust::level::own), o.out, !o.no_pii);
  auto made = otlp::exporter::start(std::move(how), may, graph);
  if (!made) return fail(made);
  otlp_ = std::move(*made);
  return {};
}

std::vector<host::observer*> watchers::observers() const {
  std::vector<host::observer*> out = {&desk_};
  if (trace_) out.push_back(trace_.get());
  if (otlp_) out.push_back(otlp_.get());
  return out;
}

void watchers::running(const host::runtime& run) {
  window_.open(run);
  manager_.ready(graph_ + " runs");
}

void watchers::look(const host::snapshot& now) {
  manager_.alive(monotonic_ns());
  if (trace_) trace_->look(now);
  if (!otlp_ || told_otlp_) return;
  const auto why = otlp_->trouble();
  told_otlp_ = !why.empty();
  if (told_otlp_) say(stderr, "warning: traces: {}; the run goes on [otlp.trouble]\n", why);
}

void watchers::stopping() {
  window_.stopping();
  is_stopping_ = true;
  manager_.stopping(graph_ + " drains and stops");
}

void watchers::closed() {
  if (!is_stopping_) stopping();
  window_.close();
  std::error_code ignored;
  for (const auto& file : url_files_) std::filesystem::remove(file, ignored);
}

void watchers::finish(bool quiet) {
  if (otlp_) {
    const auto sent = otlp_->finish();
    const auto why = otlp_->trouble();
    if (sent.lost > 0)
      say(stderr, "warning: traces: {} of {} spans were lost{}{} [otlp.lost]\n", sent.lost,
          sent.lost + sent.delivered, why.empty() ? "" : ": ", why);
    else if (!quiet)
      say("sent {} spans\n", sent.delivered);
  }
  if (!trace_) return;
  if (const auto done = trace_->finish(); !done)
    say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
  else if (!quiet)
    say("open {} in ui.perfetto.dev\n", trace_path_);
}

}  // namespace hocket::cli
