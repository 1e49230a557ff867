#include "actors/rewire/graph_changes.hpp"

#include "actors/distributed/membership.hpp"
#include "actors/host/run/graph_run.hpp"

namespace hocket::rewire {

void allow_changes(host::runtime_options& run, options how) {
  run.changes = [how = std::move(how)](graph_run& r) {
    auto* hosts = dynamic_cast<distributed::membership*>(r.peers.get());
    return std::make_unique<graph_changes>(r, how, hosts);
  };
}

graph_changes::graph_changes(graph_run& run, options how, distributed::membership* hosts)
    : run_(run),
      how_(std::move(how)),
      rewirer_(run, how_, hosts != nullptr ? &hosts->links() : nullptr),
      requests_([this](const rewire_request& r) { return change(r); },
                [this]() -> std::optional<timestamp> {
                  if (run_.is_virtual()) return {};
                  return run_.now();
                }) {
  if (hosts == nullptr) return;
  coordinator_.emplace(run, rewirer_, *hosts);
  hosts->on_rewire_message = [this](const std::string& peer, const wire::host_event& m) {
    coordinator_->take(peer, m);
  };
}

std::string graph_changes::answer(const std::string& line) {
  auto out = requests_.answer(line);
  if (!out.empty() || !how_.answer) return out;
  return how_.answer(
      line, [this](const std::string& output, session_id to, payload what, host::sent_told told) {
        host::send(run_, output, to, std::move(what), std::move(told));
      });
}

result<void> graph_changes::check_options() const {
  if (!how_.planned_rewires.empty() && coordinator_)
    return fail("rewire.agenda", "a run over several hosts goes through no planned rewires");
  return {};
}

void graph_changes::before_start() {
  if (const auto& planned = how_.planned_rewires; !planned.empty())
    run_.end.pause_time_before(planned.front().at.ns());
}

void graph_changes::started() {
  if (!how_.planned_rewires.empty()) following_ = std::thread([this] { rewirer_.follow(); });
}

rewire_outcome graph_changes::change(const rewire_request& request) {
  return coordinator_ ? coordinator_->run(request) : rewirer_.run(request);
}

void graph_changes::finish() {
  if (following_.joinable()) following_.join();
  if (coordinator_) coordinator_->finish();
}

}  // namespace hocket::rewire
