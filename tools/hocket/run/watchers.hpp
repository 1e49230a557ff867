#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/foxglove/bridge.hpp"
#include "actors/observe/http_server.hpp"
#include "actors/observe/port_desk.hpp"
#include "actors/observe/run_window.hpp"
#include "actors/observe/service_manager.hpp"
#include "actors/observe/trace_file.hpp"
#include "actors/otlp/exporter.hpp"
#include "graph/spec/plan.hpp"
#include "tools/hocket/run/commands.hpp"

namespace hocket::cli {

/// Everything that watches `hocket run` for others than its user: metrics, traces, viewers, service
/// manager.
class watchers {
 public:
  /// `graph` must outlive them. Errors: what the trace file, the exporter, the bridge and the HTTP server
  /// report.
  static result<std::unique_ptr<watchers>> make(const run_options& o, const plan& graph);
  /// What to do about an error of make(); "" where it says so itself.
  static const char* hint(const error& why);

  std::vector<host::observer*> observers() const;
  /// What `hocket echo` and `hocket send` ask over the status socket.
  std::string answer(const std::string& line, const observe::port_desk::sayer& say) {
    return desk_.answer(line, say);
  }
  void running(const host::runtime& run);
  /// Called a few times a second while the run answers.
  void look(const host::snapshot& now);
  void stopping();
  /// Before the runtime goes.
  void closed();
  /// Ends traces; says what was written and sent, or warns.
  void finish(bool quiet);

 private:
  result<void> open_otlp(const run_options& o, const plan& graph);
  result<void> open_foxglove(const run_options& o, const plan& graph);
  void note_url(const run_options& o, const char* name, const std::string& url);

  watchers(observe::service_manager m, const run_options& o)
      : manager_(std::move(m)), desk_(o.host, !o.no_pii) {}

  std::string graph_;
  observe::run_window window_;
  observe::service_manager manager_;
  mutable observe::port_desk desk_;
  std::unique_ptr<observe::trace_file> trace_;
  std::string trace_path_;
  std::unique_ptr<otlp::exporter> otlp_;
  bool told_otlp_ = false, told_page_ = false;
  std::unique_ptr<foxglove::bridge> foxglove_;
  std::unique_ptr<observe::http_server> server_;
  std::vector<std::string> url_files_;
  bool is_stopping_ = false;
};

}  // namespace hocket::cli
