#include "actors/observe/trace_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "graph/core/clock.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::observe {

result<std::unique_ptr<trace_file>> trace_file::open(trace_options o, const plan& graph) {
  auto to = trust::create_file(o.path);
  if (!to) return fail("observe.cannot_write", to.error().message);
  o.waiting_max = std::max<std::size_t>(o.waiting_max, 2);
  return std::unique_ptr<trace_file>(new trace_file(std::move(o), graph, std::move(*to)));
}

trace_file::trace_file(trace_options o, const plan& graph, trust::file to)
    : options_(std::move(o)),
      graph_(graph),
      file_(std::move(to)),
      last_depths_(graph.links.size()),
      format_(graph) {
  write_whole("[");
  thread_ = std::thread([this] { work(); });
}

trace_file::~trace_file() { (void)finish(); }

void trace_file::called(const plan&, const host::call_record& r) {
  traced_call c;
  c.actor = r.actor;
  c.session = static_cast<std::uint64_t>(r.session);
  c.what = r.what;
  c.failed = r.failed;
  c.began_ns = r.began_ns;
  c.ended_ns = r.ended_ns;
  c.micro_turn = r.micro_turn;
  for (const auto& in : r.inputs) {
    const auto& h = *in.header;
    if (options_.every > 1 && graph_.grid.index_of(h.origin_ts) % options_.every != 0) continue;
    traced_input t;
    t.port = in.port;
    t.queued_ns = in.queued_ns;
    t.session = static_cast<std::uint64_t>(h.session);
    t.stream = h.stream;
    t.seq = h.seq;
    t.micro_turn = h.micro_turn;
    t.epoch = h.epoch;
    t.origin_ns = h.origin_ns;
    if (h.way.count > 0) {
      const auto& last = h.way.hops[h.way.count - 1u];
      t.has_sender = true;
      t.sender = last.actor;
      t.emitted_ns = last.emitted_ns;
    }
    c.inputs.push_back(t);
  }
  if (c.inputs.empty() && !r.inputs.empty()) return;  // none of them is in the sample
  add(std::move(c));
}

// The run, and its plans with it, may be over before what waits is written.
void trace_file::rewired(const host::graph_revision& r) {
  add(std::make_shared<const plan>(r.graph));
}

void trace_file::event(timestamp, std::string_view actor, std::string_view what,
                       std::string_view detail) {
  add(traced_event{monotonic_ns(), std::string(actor), std::string(what),
                   trust::redacted(std::string(detail))});
}

void trace_file::look(const host::snapshot& s) {
  const auto now_ns = monotonic_ns();
  if (s.links.size() > last_depths_.size()) last_depths_.resize(s.links.size());  // rewired
  for (std::size_t l = 0; l < s.links.size(); ++l) {
    const auto& link = s.links[l];
    const auto dropped =
        std::accumulate(std::begin(link.dropped), std::end(link.dropped), std::uint64_t{0});
    const std::pair depth{link.in_flight, dropped};
    if (depth == last_depths_[l]) continue;
    last_depths_[l] = depth;
    add(traced_depth{now_ns, l, link.in_flight, dropped});
  }
}

void trace_file::add(trace_record r) {
  std::lock_guard lock(mutex_);
  if (over_ || !fault_.empty()) return;
  // A plan always has room: without it what follows means nothing.
  if (waiting_.size() >= options_.waiting_max && !std::holds_alternative<traced_plan>(r)) {
    ++lost_;
    return;
  }
  waiting_.push_back(std::move(r));
  if (waiting_.size() == options_.waiting_max / 2) wake_.notify_one();
}

void trace_file::work() {
  std::vector<trace_record> batch;
  for (bool over = false; !over;) {
    std::uint64_t lost = 0;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::milliseconds(200),
                     [&] { return over_ || waiting_.size() >= options_.waiting_max / 2; });
      over = over_;
      batch.clear();
      batch.swap(waiting_);
      lost = lost_;
    }
    std::string text;
    for (const auto& r : batch) format_.append(text, r);
    if (lost > lost_told_)
      format_.append(text, traced_event{monotonic_ns(), "", "records lost",
                                        fmt::format("{} so far: the disk is too slow", lost)});
    lost_told_ = lost;
    if (!text.empty()) write_whole(text);
  }
  write_whole("\n]\n");
}

// All of it or nothing: a torn record would make the file unreadable.
void trace_file::write_whole(const std::string& text) {
  {
    std::lock_guard lock(mutex_);
    if (!fault_.empty()) return;
  }
  for (std::size_t done = 0; done < text.size();) {
    const auto n = write(file_.fd(), text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    const auto why = fmt::format("{}: {}", options_.path, std::strerror(errno));
    (void)!ftruncate(file_.fd(), static_cast<off_t>(size_bytes_));
    std::lock_guard lock(mutex_);
    fault_ = why;
    waiting_.clear();
    return;
  }
  size_bytes_ += text.size();
}

result<void> trace_file::finish() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  if (!fault_.empty()) return fail("observe.cannot_write", fault_);
  if (lost_ > 0)
    return fail("observe.trace_incomplete",
                fmt::format("{}: {} records were lost because the disk was too slow", options_.path,
                            lost_));
  return {};
}

}  // namespace hocket::observe
