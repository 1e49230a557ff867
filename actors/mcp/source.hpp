#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "actors/mcp/link.hpp"
#include "graph/contract/tool_source.hpp"

namespace hocket::mcp {

/// `use: mcp`: the tools of an MCP server, which is a child process or lies behind a URL.
///
/// A server that ends is started again; calls that it had fail with its last words. Results come
/// from outside: text, cut to `max_result_bytes`.
/// A child is confined (graph/trust/sandbox): it reads what `reads`, `writes`, `runs` and `folder`
/// name, and has no network but what `network` names.
/// Threads: one of its own that owns the conversation, and those of the link.
/// Errors: mcp.bad_config, mcp.cannot_start, mcp.server_ended, mcp.unreachable, mcp.silent,
/// mcp.refused, mcp.no_common_version (open); mcp.no_such_tool, mcp.tool_failed, mcp.cancelled,
/// mcp.no_answer and those above (call); trust.refused.
/// Counters: mcp_restarts, mcp_junk, mcp_late_answers, mcp_elicitations, mcp_server_logs,
/// mcp_unknown_progress.
class source final : public tool_source {
 public:
  struct config {
    std::vector<std::string> command;
    std::vector<std::string> environment;
    std::string folder;
    bool confine = true;
    std::vector<std::string> reads, writes, runs;
    std::vector<std::string> network;
    std::int64_t memory_mb = 2048;
    std::int64_t processes = 256;
    std::int64_t descriptors = 1024;
    std::string url;
    std::string key_env;
    std::string ca_file;
    std::string era = "auto";
    std::string forms = "decline";
    std::int64_t probe_ms = 10'000;
    std::int64_t reply_ms = 30'000;
    std::int64_t time_limit_ms = 10'000;
    std::int64_t max_result_bytes = 16'384;
    void visit(config_visitor& v);
  };

  explicit source(config c) : config_(std::move(c)) {}
  ~source() override { close(); }
  result<void> open(const tool_source_context&) override;
  result<std::vector<tool_info>> list() override;
  result<std::string> call(const std::string& tool, const std::string& arguments_json,
                           const tool_context&) override;
  void close() override;

 private:
  struct ticket {
    std::optional<result<std::string>> what;
    std::deque<std::string> partials;
  };
  using work = std::function<void(std::int64_t now_ms)>;

  result<std::unique_ptr<link>> make_link();
  result<std::map<std::string, std::string>> child_environment() const;
  result<child_settings> child() const;
  void post(work w, bool may_wait);
  void run();
  void perform(std::vector<action> actions);
  void perform(action& a);
  void remember();
  std::string key() const;

  config config_;
  tool_source_context where_;
  std::unique_ptr<conversation> talk_;  ///< of the thread
  std::unique_ptr<link> link_;          ///< of the thread, once it runs
  std::thread thread_;

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable came_, settled_, room_;
  std::deque<work> inbox_;
  bool stopping_ = false, passing_ = false;
  bool ready_ = false;
  std::optional<error> broken_;
  std::vector<tool_info> tools_;
  std::map<std::uint64_t, std::shared_ptr<ticket>> tickets_;
  std::uint64_t next_ticket_ = 1;
};

}  // namespace hocket::mcp
