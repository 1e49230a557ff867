#include "actors/host/runtime.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "actors/host/border.hpp"
#include "actors/host/caf_pool.hpp"
#include "actors/host/cell.hpp"
#include "actors/host/rewire_desk.hpp"
#include "actors/host/rewirer.hpp"
#include "actors/host/status_socket.hpp"
#include "actors/host/team.hpp"
#include "actors/host/virtual_driver.hpp"
#include "actors/host/world.hpp"

namespace hocket::host {
namespace {

/// The world with its threads: the executor's, one for timers (real time), one that watches.
class runtime_impl final : public runtime {
 public:
  runtime_impl(part place, const registry& types, runtime_options options)
      : world_(std::make_shared<world>(std::move(place), types, std::move(options))) {
    if (world_->is_virtual()) {
      auto driver = std::make_shared<virtual_driver>(*world_);
      world_->exec = driver;
      driver->begin();
    } else {
      world_->exec = make_caf_pool(world_->options.threads);
      timing_ = std::thread([this] { world_->timer.follow(); });
    }
    watching_ = std::thread([this] { watch(); });
  }

  ~runtime_impl() override {
    if (!world_->finished() && began_) {
      stop();
      (void)wait();
    }
    socket_.reset();
    desk_.close();
    if (joining_.joinable()) joining_.join();
    if (following_.joinable()) following_.join();
    if (world_->others) world_->others->finish_rewires();
    world_->timer.stop();
    over_.store(true);
    if (timing_.joinable()) timing_.join();
    watching_.join();
    world_->exec->stop();
    world_->disband();
  }

  result<void> begin() {
    const auto& agenda = world_->options.agenda;
    if (!agenda.empty() && world_->others)
      return fail("rewire.agenda", "a run over several hosts goes through no planned rewires");
    for (auto* o : world_->options.observers) o->started(world_->graph(), world_->time);
    if (world_->others) {
      HOCKET_TRY(world_->edge->open(*world_->others));
    } else if (auto opened = world_->open_all(world_->first_sessions()); !opened) {
      world_->undo();
      return opened;
    }
    began_ = true;
    if (const auto& path = world_->options.status_socket; !path.empty()) {
      auto served =
          status_socket::serve(path, [w = world_.get(), desk = &desk_](const std::string& line) {
            return line == "status" ? to_json(w->status(), w->graph().name) : desk->answer(line);
          });
      if (served)
        socket_ = std::move(*served);
      else
        world_->event("", "no_status_socket", served.error().message);
    }
    if (world_->others) {
      world_->edge->begin();
      joining_ = std::thread([this] { world_->others->join(); });
      return {};
    }
    if (!agenda.empty()) world_->hold(agenda.front().at.ns());
    world_->go(monotonic_ns());
    if (!agenda.empty())
      following_ = std::thread([this] { world_->changes->follow(world_->options.agenda); });
    world_->poke_driver();
    return {};
  }

  run_summary wait() override { return world_->wait(); }
  void stop() override { world_->stop(end_reason::stopped, ""); }
  snapshot status() const override { return world_->status(); }
  void interrupt(session_id session) override { world_->interrupt(session, nullptr); }
  session_id open_session() override { return world_->open_session(); }
  void close_session(session_id session) override { world_->close_session(session); }
  rewire_outcome rewire(const rewire_request& request) override {
    return world_->others ? world_->others->rewire(request) : world_->changes->run(request);
  }

 private:
  void watch() {
    while (!over_.load()) {
      world_->check_hangs();
      if (!world_->is_virtual() || world_->others) world_->check_drain();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::shared_ptr<world> world_;
  rewire_desk desk_{[this](const rewire_request& r) { return rewire(r); }};
  std::unique_ptr<status_socket> socket_;
  std::thread timing_;
  std::thread joining_;    ///< the other hosts
  std::thread following_;  ///< the agenda
  std::thread watching_;
  std::atomic<bool> over_{false};
  bool began_ = false;
};

}  // namespace

result<std::unique_ptr<runtime>> runtime::start(const plan& graph, const registry& types,
                                                runtime_options options) {
  auto place = partition(graph, options.host.name);
  if (!place) return fail(place);
  auto made = std::make_unique<runtime_impl>(std::move(*place), types, std::move(options));
  if (auto began = made->begin(); !began) return fail(began);
  return made;
}

}  // namespace hocket::host
