#include "tools/hocket/run/watchers.hpp"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "graph/core/clock.hpp"
#include "graph/trust/files.hpp"
#include "graph/trust/read_file.hpp"
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
  if (!o.foxglove.empty()) HOCKET_TRY(out->open_foxglove(o, graph));
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
    out->note_url(o, "metrics.url", out->server_->url());
    out->note_url(o, "health.url", out->server_->health_url());
    if (!o.metrics.empty()) say(stderr, "metrics: {}/metrics\n", out->server_->url());
    if (!o.health.empty()) say(stderr, "health: {}/healthz\n", out->server_->health_url());
  }
  return out;
}

const char* watchers::hint(const error& why) {
  if (why.code == "observe.not_loopback")
    return "take an address of this machine (127.0.0.1), or say --metrics-public";
  if (why.code == "foxglove.not_loopback")
    return "take an address of this machine (127.0.0.1); from another one, `ssh -L` leads to it";
  return "";
}

/// With port 0 only the file says where it listens.
void watchers::note_url(const run_options& o, const char* name, const std::string& url) {
  if (url.empty()) return;
  url_files_.push_back((std::filesystem::path(o.out) / name).string());
  if (const auto done = trust::write_file(url_files_.back(), url + "\n"); !done)
    say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
}

result<void> watchers::open_foxglove(const run_options& o, const plan& graph) {
  foxglove::bridge_options how;
  how.address = o.foxglove;
  how.origins = o.foxglove_origins;
  how.version = version();
  how.host = o.host;
  how.with_pii = !o.no_pii;
  if (!o.foxglove_keys.empty()) {
    auto keys = trust::read_given_file(o.foxglove_keys, 1u << 20);
    if (!keys) return fail(keys);
    how.keys = std::move(*keys) + "\n";  // an empty file asks for keys, too
  }
  auto made = foxglove::bridge::start(std::move(how), graph);
  if (!made) return fail(made);
  foxglove_ = std::move(*made);
  note_url(o, "foxglove.url", foxglove_->url());
  say(stderr, "foxglove: {}{}, for a viewer's \"Open connection\"\n", foxglove_->url(),
      o.foxglove_keys.empty() ? "" : "/?key=KEY");
  return {};
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
  if (foxglove_) out.push_back(foxglove_.get());
  return out;
}

void watchers::running(const host::runtime& run) {
  window_.open(run);
  manager_.ready(graph_ + " runs");
}

void watchers::look(const host::snapshot& now) {
  manager_.alive(monotonic_ns());
  if (trace_) trace_->look(now);
  if (foxglove_ && !told_page_) {
    const auto page = foxglove_->refused_page();
    told_page_ = !page.empty();
    if (told_page_)
      say(stderr,
          "warning: foxglove: a page of {} may not look; --foxglove-origin lets it "
          "[foxglove.refused]\n",
          page);
  }
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
  if (foxglove_) {
    const auto shown = foxglove_->finish();
    if (shown.lost > 0)
      say(stderr, "warning: foxglove: {} of {} messages did not reach a viewer [foxglove.lost]\n",
          shown.lost, shown.lost + shown.sent);
    else if (!quiet)
      say("{} viewers were sent {} messages\n", shown.viewers, shown.sent);
  }
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
