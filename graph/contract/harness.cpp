#include "graph/contract/harness.hpp"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "graph/core/assert.hpp"

namespace hocket {

/// Fills the header, checks the packet and keeps it.
class harness::sink final : public emitter {
 public:
  sink(harness& h, session_id session, epoch_number epoch)
      : h_(h), session_(session), epoch_(epoch) {}

  using emitter::emit;
  void emit(std::size_t port, packet p) override {
    if (port >= h_.outputs_.size()) {
      h_.violations_.push_back(
          fmt::format("emits on port {}, but declares {} outputs", port, h_.outputs_.size()));
      return;
    }
    const auto& declared = h_.type_.info.outputs[port];
    if (p.body == nullptr) {
      h_.violations_.push_back(fmt::format("output {}: a packet without payload", declared.name));
      return;
    }
    if (const auto why = why_unfit(declared.type, *p.body); !why.empty())
      h_.violations_.push_back(fmt::format("output {}: {}", declared.name, why));
    const auto key = std::pair(port, session_);
    const auto [last, first] = h_.last_ts_.try_emplace(key, p.header.ts);
    if (!first && p.header.ts < last->second)
      h_.violations_.push_back(fmt::format("output {}: time runs backwards, from {} to {} ms",
                                           declared.name, last->second.ms(), p.header.ts.ms()));
    last->second = p.header.ts;
    p.header.session = session_;
    p.header.stream = static_cast<std::uint32_t>(port);
    p.header.seq = h_.next_seq_[key]++;
    p.header.micro_turn = h_.options_.grid.index_of(p.header.ts);
    p.header.epoch = epoch_;
    h_.outputs_[port].push_back(std::move(p));
  }

  void interrupt() override {
    ++h_.interrupts_;
    epoch_ = ++h_.epochs_[session_];
    h_.drop_old_epochs(session_);
  }

  void for_session(session_id session) override {
    session_ = session;
    epoch_ = h_.epochs_[session];
  }

 private:
  harness& h_;
  session_id session_;
  epoch_number epoch_;
};

/// Keeps what other threads post until the harness runs it.
class harness::mailbox final : public mailbox_handle {
 public:
  bool run(std::function<void(emitter&)> f) override {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    posted_.push_back(std::move(f));
    arrived_.notify_all();
    return true;
  }

  std::function<void(emitter&)> take() {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return {};
    auto f = std::move(posted_.front());
    posted_.pop_front();
    return f;
  }

  bool wait(duration limit) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, limit, [&] { return !posted_.empty(); });
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    posted_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void(emitter&)>> posted_;
  bool closed_ = false;
};

value settings(std::vector<setting> pairs) {
  value::map map;
  for (auto& p : pairs) map.push_back({std::move(p.key), {}, std::move(p.item)});
  return value(std::move(map));
}

harness::harness(component_type type, harness_options options)
    : type_(std::move(type)), options_(std::move(options)), mailbox_(std::make_shared<mailbox>()) {
  policy_ = options_.policy.value_or(type_.info.policy);
  inputs_.resize(type_.info.inputs.size());
  outputs_.resize(type_.info.outputs.size());
  HOCKET_ASSERT(!options_.sessions.empty());
  session_ = options_.sessions.front();
  std::sort(options_.sessions.begin(), options_.sessions.end());
  if (options_.connected) {
    for (auto& i : inputs_) i.connected = false;
    for (const auto& name : *options_.connected) inputs_[input_index(name)].connected = true;
  }
}

harness::~harness() {
  if (opened_) (void)close();
}

std::size_t harness::input_index(std::string_view port) const {
  for (std::size_t i = 0; i < type_.info.inputs.size(); ++i)
    if (type_.info.inputs[i].name == port) return i;
  HOCKET_ASSERT(!"the component declares no such input");
  return 0;
}

std::size_t harness::output_index(std::string_view port) const {
  for (std::size_t i = 0; i < type_.info.outputs.size(); ++i)
    if (type_.info.outputs[i].name == port) return i;
  HOCKET_ASSERT(!"the component declares no such output");
  return 0;
}

const std::vector<packet>& harness::outputs(std::string_view port) const {
  return outputs_[output_index(port)];
}

std::vector<packet> harness::take(std::string_view port) {
  return std::exchange(outputs_[output_index(port)], {});
}

std::int64_t harness::counter(const std::string& name) const {
  const std::lock_guard lock(notes_mutex_);
  const auto it = counters_.find(name);
  return it == counters_.end() ? 0 : it->second;
}

epoch_number harness::epoch(session_id session) const {
  const auto it = epochs_.find(session);
  return it == epochs_.end() ? 0 : it->second;
}

result<void> harness::guarded(const std::function<result<void>(emitter&)>& call, session_id session,
                              epoch_number epoch) {
  sink out(*this, session, epoch);
  try {
    return call(out);
  } catch (const std::exception& e) {
    return fail("component.threw", fmt::format("{}: {}", type_.info.type, e.what()));
  } catch (...) {
    return fail("component.threw", fmt::format("{}: something unknown", type_.info.type));
  }
}

result<void> harness::open() {
  HOCKET_ASSERT(!opened_);
  diagnostics findings;
  config_ = type_.make_config();
  read_config(options_.config, *config_, type_.info.type, {}, findings);
  if (findings.has_errors()) return fail("harness.config", findings.to_string());
  context_.actor = "subject";
  context_.session =
      type_.info.scope == instance_scope::session ? options_.sessions.front() : session_id::none;
  context_.time = &time_;
  context_.grid = options_.grid;
  context_.self = mailbox_;
  context_.sessions = make_sessions();
  context_.types = options_.types;
  context_.output_dir = options_.output_dir;
  context_.may = options_.may;
  context_.log = [this](std::string_view line) {
    const std::lock_guard lock(notes_mutex_);
    logs_.emplace_back(line);
  };
  context_.count = [this](std::string_view name, std::int64_t add) {
    const std::lock_guard lock(notes_mutex_);
    counters_[std::string(name)] += add;
  };
  opened_ = true;
  return guarded(
      [this](emitter&) -> result<void> {
        component_ = type_.make(*config_);
        return component_->open(context_);
      },
      session_, 0);
}

result<void> harness::close() {
  HOCKET_ASSERT(opened_);
  opened_ = false;
  run_due_posts();
  mailbox_->close();
  if (component_ == nullptr) return {};
  return guarded([this](emitter& out) { return component_->close(out); }, session_,
                 epochs_[session_]);
}

result<void> harness::control_packet(std::string_view port, control c) {
  if (c.what == control::kind::interrupt)
    ++epochs_[session_];  // as in a run: what follows is newer
  HOCKET_ASSERT(opened_);
  const auto index = port.empty() ? 0 : input_index(port);
  auto p = make_packet(time_.now(), std::move(c));
  p.header.session = session_;
  p.header.epoch = epochs_[session_];
  return guarded([&](emitter& out) { return component_->on_control(index, p, out); }, session_,
                 p.header.epoch);
}

void harness::run_due_posts() {
  while (auto f = mailbox_->take()) {
    sink out(*this, session_, epochs_[session_]);
    f(out);
  }
}

bool harness::run_posted(duration limit) {
  if (!mailbox_->wait(limit)) return false;
  run_due_posts();
  return true;
}

}  // namespace hocket
