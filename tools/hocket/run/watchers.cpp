#include "tools/hocket/run/watchers.hpp"

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
  if (!o.metrics.empty()) {
    observe::http_options how;
    how.address = o.metrics;
    how.beyond_loopback = o.metrics_public;
    how.names = o.metrics_names;
    how.who = {graph.name, graph.hash, o.host, version(), revision()};
    auto server = observe::http_server::start(how, out->window_);
    if (!server) return fail(server);
    out->server_ = std::move(*server);
    // With port 0 only this says where it listens.
    out->url_file_ = (std::filesystem::path(o.out) / "metrics.url").string();
    if (const auto done = trust::write_file(out->url_file_, out->server_->url() + "\n"); !done)
      say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
    say(stderr, "metrics: {}/metrics\n", out->server_->url());
  }
  return out;
}

std::vector<host::observer*> watchers::observers() const {
  if (trace_) return {trace_.get(), &desk_};
  return {&desk_};
}

void watchers::running(const host::runtime& run) {
  window_.open(run);
  manager_.ready(graph_ + " runs");
}

void watchers::look(const host::snapshot& now) {
  manager_.alive(monotonic_ns());
  if (trace_) trace_->look(now);
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
  if (!url_file_.empty()) std::filesystem::remove(url_file_, ignored);
}

void watchers::finish(bool quiet) {
  if (!trace_) return;
  if (const auto done = trace_->finish(); !done)
    say(stderr, "warning: {} [{}]\n", done.error().message, done.error().code);
  else if (!quiet)
    say("open {} in ui.perfetto.dev\n", trace_path_);
}

}  // namespace hocket::cli
