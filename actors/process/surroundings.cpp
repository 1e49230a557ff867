#include "actors/process/surroundings.hpp"

#include <nlohmann/json.hpp>

#include "actors/process/pipes.hpp"
#include "graph/trust/capability.hpp"

namespace hocket::process {

timestamp child_clock::now() const {
  const auto offset = offset_ns_.load(std::memory_order_acquire);
  return timestamp(virtual_ ? offset : monotonic_ns() + offset);
}

void child_clock::call_began(const frame_head& h) {
  offset_ns_.store(virtual_ ? h.now_ns : h.now_ns - h.monotonic_ns, std::memory_order_release);
}

void event_pipe::say_event(say what, std::string_view body, std::int64_t number,
                           std::uint32_t version, std::uint32_t count) {
  frame_head h;
  h.what = what;
  h.ts_ns = number;
  h.epoch = version;
  h.count = count;
  std::string bytes;
  append_frame(bytes, h, body.substr(0, most_event_bytes));
  std::lock_guard lock(mutex_);
  (void)write_all(fd_, bytes, [] { return std::int64_t{-1}; });
}

bool own_work::run(std::function<void(emitter&)> f) {
  {
    std::lock_guard lock(mutex_);
    if (tasks_.size() >= 65536) return false;
    tasks_.push_back(std::move(f));
    // With the answer of the call, so that what follows comes in one order.
    if (in_call_) {
      ++untold_;
      return true;
    }
  }
  events_->say_event(say::wake);
  return true;
}

std::shared_ptr<const void> own_work::hold() {
  changed_holds(1);
  return std::shared_ptr<const void>(
      this, [self = shared_from_this()](const void*) { self->changed_holds(-1); });
}

void own_work::changed_holds(std::int32_t by) {
  std::uint32_t version = 0, count = 0;
  {
    std::lock_guard lock(mutex_);
    holds_ += static_cast<std::uint32_t>(by);
    version = ++version_;
    count = holds_;
    if (in_call_) return;
  }
  events_->say_event(say::holds, {}, 0, version, count);
}

void own_work::call_begins() {
  std::lock_guard lock(mutex_);
  in_call_ = true;
}

void own_work::call_ends(frame_head& done) {
  std::lock_guard lock(mutex_);
  in_call_ = false;
  done.count = std::exchange(untold_, 0);
  done.epoch = version_;
  done.stream = holds_;
}

std::function<void(emitter&)> own_work::next() {
  std::lock_guard lock(mutex_);
  if (tasks_.empty()) return {};
  auto f = std::move(tasks_.front());
  tasks_.pop_front();
  return f;
}

class surroundings::told_graph final : public graph_view {
 public:
  explicit told_graph(const nlohmann::json& j) : json_(j) {}
  std::string name() const override { return json_.at("name"); }
  std::string hash() const override { return json_.at("hash"); }
  std::string expanded_yaml() const override { return json_.at("yaml"); }
  std::string output_of(const packet_header& header) const override {
    const auto& all = json_.at("outputs");
    if (header.way.count == 0) return "";
    const auto actor = header.way.hops[header.way.count - 1u].actor;
    if (actor >= all.size() || header.stream >= all[actor].size()) return "";
    return all[actor][header.stream];
  }

 private:
  nlohmann::json json_;
};

namespace {

std::shared_ptr<const trust::capability> capability_from(const nlohmann::json& j,
                                                         const std::string& output_dir) {
  trust::policy p;
  p.who = trust::level_named(j.at("level").get<std::string>()).value_or(trust::level::downloaded);
  j.at("components").get_to(p.components);
  j.at("elements").get_to(p.elements);
  j.at("folders").get_to(p.folders);
  j.at("addresses").get_to(p.addresses);
  j.at("environment").get_to(p.environment);
  return std::make_shared<const trust::capability>(std::move(p), output_dir,
                                                   j.at("words").get<bool>());
}

}  // namespace

surroundings::surroundings(const nlohmann::json& told, const registry& types,
                           std::shared_ptr<event_pipe> events)
    : time_(std::make_unique<child_clock>(told.at("virtual").get<bool>())),
      tasks_(std::make_shared<own_work>(events)) {
  auto& c = context_;
  c.actor = told.at("actor");
  c.session = session_id{told.at("session").get<std::uint64_t>()};
  c.time = time_.get();
  c.grid.length = duration(told.at("micro_turn_ns").get<std::int64_t>());
  c.self = tasks_;
  c.types = &types;
  if (const auto graph = told.find("graph"); graph != told.end()) {
    graph_ = std::make_unique<told_graph>(*graph);
    c.graph = graph_.get();
  }
  c.output_dir = told.at("output_dir");
  if (const auto may = told.find("may"); may != told.end())
    c.may = capability_from(*may, c.output_dir);
  c.hold = [tasks = tasks_] { return tasks->hold(); };
  c.still_at_work = [events] { events->say_event(say::at_work); };
  c.restarts = told.at("restarts");
  c.began = timestamp(told.at("began_ns").get<std::int64_t>());
  c.log = [events](std::string_view line) { events->say_event(say::log, line); };
  c.count = [events](std::string_view counter, std::int64_t add) {
    events->say_event(say::count, counter, add);
  };
}

surroundings::~surroundings() = default;

}  // namespace hocket::process
