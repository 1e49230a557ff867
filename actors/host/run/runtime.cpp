#include "actors/host/runtime.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "actors/host/run/caf_pool.hpp"
#include "actors/host/actor/actor_cell.hpp"
#include "actors/host/status_socket.hpp"
#include "actors/host/run/virtual_loop.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::host {
namespace {

/// The run with its threads: the executor's, one for timers (real time), one that watches.
class runtime_impl final : public runtime {
 public:
  runtime_impl(host_plan local, const registry& types, runtime_options options)
      : run_(std::make_shared<graph_run>(std::move(local), types, std::move(options))) {
    if (run_->is_virtual()) {
      auto driver = std::make_shared<virtual_loop>(*run_);
      run_->executor = driver;
      driver->begin();
    } else {
      run_->executor = make_caf_pool(run_->options.threads);
      timing_ = std::thread([this] { run_->timer.follow(); });
    }
    watching_ = std::thread([this] { watch(); });
  }

  ~runtime_impl() override {
    if (!run_->end.finished() && began_) {
      stop();
      (void)wait();
    }
    socket_.reset();
    if (run_->changes) run_->changes->close_requests();
    if (run_->peers) run_->peers->join();
    if (run_->changes) run_->changes->finish();
    run_->timer.stop();
    over_.store(true);
    if (timing_.joinable()) timing_.join();
    watching_.join();
    run_->executor->stop();
    run_->detach_all();
  }

  result<void> begin() {
    if (run_->changes) HOCKET_TRY(run_->changes->check_options());
    for (auto* o : run_->options.observers) o->started(run_->graph(), run_->time);
    if (run_->peers) {
      HOCKET_TRY(run_->peers->listen());
    } else if (auto opened = run_->sessions.open_all(run_->sessions.first()); !opened) {
      run_->sessions.close_all_opened();
      return opened;
    }
    began_ = true;
    serve_status();
    if (run_->peers) {
      run_->peers->begin();
      return {};
    }
    if (run_->changes) run_->changes->before_start();
    run_->start(monotonic_ns());
    if (run_->changes) run_->changes->started();
    run_->notify_loop();
    return {};
  }

  run_summary wait() override { return run_->end.wait(); }
  void stop() override { run_->end.stop(end_reason::stopped, ""); }
  snapshot status() const override { return run_->status(); }
  void interrupt(session_id session) override { run_->interrupts.raise(session, nullptr); }
  session_id open_session() override { return run_->sessions.open(); }
  void close_session(session_id session) override { run_->sessions.close(session); }
  rewire_outcome rewire(const rewire_request& request) override {
    if (run_->changes) return run_->changes->change(request);
    rewire_outcome out;
    out.code = "rewire.not-here";
    out.why = "this run was started by a program that reads no graph files";
    return out;
  }

 private:
  void serve_status() {
    const auto& path = run_->options.status_socket;
    if (path.empty()) return;
    auto served = status_socket::serve(path, [w = run_.get()](const std::string& line) {
      if (line == "status") return to_json(w->status(), w->graph().name);
      return w->changes ? w->changes->answer(line) : std::string();
    });
    if (served)
      socket_ = std::move(*served);
    else
      run_->observers.event("", "no_status_socket", served.error().message);
  }

  void watch() {
    while (!over_.load()) {
      run_->end.check_hangs();
      if (!run_->is_virtual() || run_->peers) run_->end.check();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::shared_ptr<graph_run> run_;
  std::unique_ptr<status_socket> socket_;
  std::thread timing_;
  std::thread watching_;
  std::atomic<bool> over_{false};
  bool began_ = false;
};

}  // namespace

result<std::unique_ptr<runtime>> runtime::start(const plan& graph, const registry& types,
                                                runtime_options options) {
  auto local = partition(graph, options.host_name);
  if (!local) return fail(local);
  if (!local->alone() && !options.peers)
    return fail("placement.no_peers",
                "this program runs graphs in one process only; start the graph with `hocket run`");
  auto made = std::make_unique<runtime_impl>(std::move(*local), types, std::move(options));
  if (auto began = made->begin(); !began) return fail(began);
  return made;
}

}  // namespace hocket::host
