#include "actors/process/python_tool.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/process/child.hpp"
#include "actors/process/python.hpp"
#include "graph/contract/starting_tool.hpp"

namespace hocket::process {
namespace {

constexpr std::int64_t open_limit_ms = 30'000;
constexpr std::size_t most_idle = 4;

/// The children of one tool that wait for a call.
class tool_children {
 public:
  tool_children(std::string file, std::string class_name, const tool_info& info)
      : file_(std::move(file)), class_(std::move(class_name)), info_(info) {}

  /// One is there that waits for a call.
  result<void> begin() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) return {};
    }
    auto one = start();
    if (!one) return fail(one);
    put_back(std::move(*one));
    return {};
  }

  /// A child that was started for a question about words answers calls, too, in either time: what
  /// its start takes is not taken from the limit of a call that follows.
  result<std::string> ask(nlohmann::json what, const clock* time,
                          std::function<void(std::string_view)> progress) {
    what["virtual"] = time != nullptr && time->is_virtual();
    auto one = take();
    if (!one) return fail(one);
    {
      std::lock_guard lock((*one)->mutex);
      (*one)->progress = std::move(progress);
    }
    auto h = head_of(say::call, time);
    std::string bytes;
    append_frame(bytes, h, what.dump());
    auto& process = *(*one)->process;
    const auto done = process.call(say::call, bytes, info_.policy.time_limit_ms, nothing);
    {
      std::lock_guard lock((*one)->mutex);
      (*one)->progress = {};
    }
    // One that failed in words goes on; one that is gone does not.
    const bool lives = done || !done.error().code.starts_with("process.");
    auto answer = done ? result<std::string>(process.answer()) : fail(done);
    if (lives) put_back(std::move(*one));
    return answer;
  }

 private:
  struct one_child {
    std::unique_ptr<child> process;
    std::mutex mutex;
    std::function<void(std::string_view)> progress;
    ~one_child() { process.reset(); }
  };

  static result<void> nothing(const frame&) {
    return fail("process.malformed", "its process says what no tool says");
  }

  static frame_head head_of(say what, const clock* time) {
    frame_head h;
    h.what = what;
    h.now_ns = time != nullptr ? time->now().ns() : 0;
    h.monotonic_ns = monotonic_ns();
    return h;
  }

  result<std::unique_ptr<one_child>> take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return start();
  }

  void put_back(std::unique_ptr<one_child> c) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle) idle_.push_back(std::move(c));
  }

  result<std::unique_ptr<one_child>> start() {
    auto how = python_for(file_);
    if (!how) return fail(how);
    how->rules.network = !info_.policy.network_hosts.empty();
    auto out = std::make_unique<one_child>();
    child_events events;
    events.progress = [c = out.get()](std::string_view text) {
      std::lock_guard lock(c->mutex);
      if (c->progress) c->progress(text);
    };
    auto started = child::start({fmt::format("tool {} ({} of {})", info_.name, class_, file_),
                                 how->command, how->rules, events});
    if (!started) return fail(started);
    out->process = std::move(*started);
    std::string bytes;
    append_frame(bytes, head_of(say::open, nullptr),
                 nlohmann::json{
                     {"protocol", protocol}, {"file", file_}, {"class", class_}, {"virtual", false}}
                     .dump());
    const auto opened = out->process->call(say::open, bytes, open_limit_ms, nothing);
    if (!opened) return fail(opened);
    return out;
  }

  const std::string file_, class_;
  const tool_info info_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<one_child>> idle_;
};

class python_tool final : public tool, public starting_tool {
 public:
  explicit python_tool(std::shared_ptr<tool_children> children) : children_(std::move(children)) {}
  result<void> start() override { return children_->begin(); }
  result<std::string> call(const std::string& arguments_json, const tool_context& where) override {
    auto arguments = nlohmann::json::parse(arguments_json, nullptr, false);
    if (!arguments.is_object())
      return fail("tool.bad_arguments", "the arguments are no JSON object");
    return children_->ask({{"arguments", std::move(arguments)}}, where.time, where.progress);
  }

 private:
  std::shared_ptr<tool_children> children_;
};

}  // namespace

result<void> add_python_tool(const std::string& file, const std::string& class_name,
                             const tool_info& info, bool knows_tasks, registry& into) {
  const auto children = std::make_shared<tool_children>(file, class_name, info);
  HOCKET_TRY(into.add(tool_type{info, [children]() -> std::unique_ptr<tool> {
                                  return std::make_unique<python_tool>(children);
                                }}));
  if (!knows_tasks) return {};
  return into.add(
      tool_words{info.name, [children](std::string_view task) {
                   auto said = children->ask({{"task", std::string(task)}}, nullptr, {});
                   return said ? std::move(*said) : std::string();
                 }});
}

}  // namespace hocket::process
