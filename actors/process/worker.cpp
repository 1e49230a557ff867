#include "actors/process/worker.hpp"

#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/process/pipes.hpp"
#include "actors/process/surroundings.hpp"
#include "graph/spec/yaml.hpp"
#include "graph/trust/trial.hpp"

namespace hocket::process {
namespace {

/// The emitter of one call: what is emitted goes at once, so that it does not wait for the end.
class reply_emitter final : public emitter {
 public:
  reply_emitter(int fd, channel& packets) : fd_(fd), packets_(packets) {}
  void emit(std::size_t port, packet p) override {
    frame_head h;
    h.what = say::emit;
    h.port = static_cast<std::uint16_t>(port);
    bytes_.clear();
    // The run counts what is no packet as such, and says whose it is.
    if (!p.body || port > UINT16_MAX || !packets_.append(bytes_, h, p)) {
      h.ts_ns = p.header.ts.ns();
      append_frame(bytes_, h, "");
    }
    send(bytes_);
  }
  writable_buffer allocate(std::size_t, std::size_t size_bytes) override {
    if (auto room = packets_.allocate(size_bytes)) return std::move(*room);
    return writable_buffer::on_heap(size_bytes);
  }
  void interrupt() override {
    frame_head h;
    h.what = say::interrupt;
    answer(h, "");
  }
  void for_session(session_id session) override {
    frame_head h;
    h.what = say::for_session;
    h.session = static_cast<std::uint64_t>(session);
    answer(h, "");
  }
  void answer(const frame_head& h, std::string_view body) {
    bytes_.clear();
    append_frame(bytes_, h, body);
    send(bytes_);
  }

 private:
  void send(std::string_view bytes) {
    (void)write_all(fd_, bytes, [] { return std::int64_t{-1}; });
  }
  int fd_;
  channel& packets_;
  std::string bytes_;
};

class worker {
 public:
  worker(const child_setup& setup, const worker_pipes& pipes, std::shared_ptr<channel> packets)
      : setup_(setup),
        calls_(pipes.calls),
        packets_(std::move(packets)),
        out_(pipes.replies, *packets_),
        events_(std::make_shared<event_pipe>(pipes.events)) {}

  int run() {
    for (frame f;;) {
      const auto end = calls_.next(f);
      if (end == pipe_end::closed) return 0;
      if (end != pipe_end::fine) return 2;
      answer_call(f);
      if (f.head.what == say::close) part_.reset();
    }
  }

 private:
  void answer_call(const frame& f) {
    if (around_) {
      around_->time().call_began(f.head);
      around_->tasks().call_begins();
    }
    frame_head done;
    done.what = say::done;
    error why;
    try {
      if (auto r = called(f, done); !r) why = r.error();
    } catch (const std::exception& e) {
      why = {"host.exception", e.what()};
    } catch (...) {
      why = {"host.exception", "an exception that is no std::exception"};
    }
    if (around_) around_->tasks().call_ends(done);
    if (why.code.empty()) return out_.answer(done, "");
    done.what = say::failed;
    out_.answer(done, why.code + '\0' + why.message.substr(0, most_why_bytes));
  }

  result<void> called(const frame& f, frame_head& done) {
    if (f.head.what == say::open) return open(f);
    if (!part_) return fail("process.malformed", "a call before it is open");
    // Streams of a start that fails end, too: a call alone does not mean that it takes part.
    if (f.head.what == say::resume && f.head.count == 1) {
      const auto kept = std::exchange(files_, nullptr);
      if (const auto problems = kept ? kept->keep() : ""; !problems.empty())
        around_->context().log(problems);
      return {};
    }
    switch (f.head.what) {
      case say::process:
      case say::control: {
        const auto p = packets_->take(f);
        if (!p) return fail(p);
        return f.head.what == say::process ? part_->process(f.head.port, *p, out_)
                                           : part_->on_control(f.head.port, *p, out_);
      }
      case say::sets: return sets(f.head.count);
      case say::produce: {
        const auto state = part_->produce(timestamp(f.head.ts_ns), out_);
        if (!state) return fail(state);
        done.seq = *state == source_state::end_of_stream ? 1 : 0;
        return {};
      }
      case say::tick: return part_->tick(f.head.micro_turn, out_);
      case say::resume:
        if (const auto task = around_->tasks().next()) task(out_);
        return {};
      case say::close: return part_->close(out_);
      default: break;
    }
    return fail("process.malformed", "a call that no component has");
  }

  result<void> open(const frame& f) {
    const auto told = nlohmann::json::parse(f.body);
    if (told.at("protocol") != protocol)
      return fail("process.other_version", "the run is of another version than its child");
    auto types = setup_.types(told.at("plugins").get<std::vector<std::string>>());
    if (!types) return fail(types);
    types_ = std::move(*types);
    const auto name = told.at("type").get<std::string>();
    const auto* type = types_.find_component(name);
    if (type == nullptr)
      return fail("process.no_type", fmt::format("its process knows no component `{}`", name));
    diagnostics findings;
    const auto settings = spec::parse_yaml("", told.at("settings"), findings);
    auto config = type->make_config();
    if (settings) read_config(*settings, *config, name, {}, findings);
    if (!settings || findings.has_errors()) return fail("process.config", findings.to_string());
    around_ = std::make_unique<surroundings>(told, types_, events_);
    around_->time().call_began(f.head);
    around_->tasks().call_begins();
    part_ = type->make(*config);
    if (!part_) return fail("process.no_type", fmt::format("`{}` cannot be made", name));
    if (told.value("on_trial", false)) files_ = std::make_shared<trust::change_trial>();
    const trust::change_trial::scope on_trial(files_);
    return part_->open(around_->context());
  }

  result<void> sets(std::uint32_t count) {
    std::vector<bundle> all(count);
    for (auto& b : all) {
      frame f;
      if (calls_.next(f) != pipe_end::fine || f.head.what != say::set)
        return fail("process.malformed", "a set is missing");
      b.session = session_id{f.head.session};
      b.micro_turn = f.head.micro_turn;
      b.from = timestamp(f.head.ts_ns);
      b.to = timestamp(f.head.origin_ts_ns);
      b.epoch = f.head.epoch;
      for (const char c : f.body) b.missing.push_back(c != '\0');
      b.inputs.resize(f.body.size());
      for (auto left = f.head.count; left > 0; --left) {
        if (calls_.next(f) != pipe_end::fine || f.head.what != say::member ||
            f.head.port >= b.inputs.size())
          return fail("process.malformed", "a packet of a set is missing");
        auto p = packets_->take(f);
        if (!p) return fail(p);
        b.inputs[f.head.port].push_back(std::move(*p));
      }
    }
    return part_->process_sets(all, out_);
  }

  const child_setup& setup_;
  frame_reader calls_;
  std::shared_ptr<channel> packets_;
  reply_emitter out_;
  std::shared_ptr<event_pipe> events_;
  registry types_;
  std::unique_ptr<surroundings> around_;
  std::unique_ptr<component> part_;
  std::shared_ptr<trust::change_trial> files_;  ///< while the run, or a change of it, may not begin
};

}  // namespace

int work(const child_setup& setup, const worker_pipes& pipes, std::shared_ptr<channel> packets) {
  worker w(setup, pipes, std::move(packets));
  return w.run();
}

}  // namespace hocket::process
