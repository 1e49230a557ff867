#include "actors/process/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "graph/core/clock.hpp"
#include "graph/text/clean.hpp"

namespace hocket::process {
namespace {

/// A pipe to a process that is gone is an error of a write here, and no signal that ends the run.
void take_no_sigpipe() {
  static const bool done = [] {
    struct sigaction now {};
    if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
      ::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  (void)done;
}

/// More frames than a pipe and what was read of it hold: what was said in time is heard however late
/// this thread comes to it, and who goes on saying things beyond its limit does not come back.
std::size_t constexpr most_late = 2048;

std::string one_line(std::string_view text) {
  auto out = clean_text(text.substr(0, 300));
  for (auto& c : out)
    if (c == '\n') c = ' ';
  return out;
}

}  // namespace

std::string how_it_ended(int code, const trust::sandbox_rules& rules) {
  if (code == 128 + SIGKILL && rules.cpu_s > 0)
    return fmt::format("signal 9 (Killed), which the kernel sends after cpu_s: {} at the latest",
                       rules.cpu_s);
  if (code == 128 + SIGXCPU)
    return fmt::format("its {} s of processor time are used up", rules.cpu_s);
  if (code == 128 + SIGXFSZ)
    return fmt::format("a file grew above file_mb: {}", rules.file_bytes >> 20);
  if (code > 128) return fmt::format("signal {} ({})", code - 128, ::strsignal(code - 128));
  return fmt::format("exit code {}", code);
}

result<std::unique_ptr<child>> child::start(child_start how) {
  take_no_sigpipe();
  const auto cannot = [&](const error& e) {
    return fail("process.cannot_start",
                fmt::format("{}: no process of its own: {} [{}]", how.title, e.message, e.code));
  };
  auto down = wire::shm_arena::make_files(arena_bytes),
       up = wire::shm_arena::make_files(arena_bytes);
  if (!down) return cannot(down.error());
  if (!up) return cannot(up.error());
  auto out = wire::shm_arena::map_files(down->head, down->heap, arena_bytes, true);
  auto in = wire::shm_arena::map_files(up->head, up->heap_to_read, arena_bytes, false);
  if (!out) return cannot(out.error());
  if (!in) return cannot(in.error());
  int events[2];
  if (::pipe2(events, O_CLOEXEC) != 0)
    return cannot({"process.cannot_start", std::strerror(errno)});
  auto command = how.command;
  command.passes = {events[1], down->head, down->heap_to_read, up->head, up->heap};
  auto process = trust::spawn(command, how.rules);
  ::close(events[1]);
  if (!process) {
    ::close(events[0]);
    return cannot(process.error());
  }
  std::unique_ptr<child> c(new child(std::move(*process), std::move(how.rules)));
  for (const int fd : {c->process_.in(), c->process_.err(), events[0]})
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  c->title_ = std::move(how.title);
  c->events_ = std::move(how.events);
  c->packets_ = std::make_unique<channel>(*out, *in);
  c->replies_ = std::make_unique<frame_reader>(c->process_.out());
  c->events_fd_ = events[0];
  c->listener_ = std::thread([p = c.get()] { p->listen(); });
  return c;
}

child::~child() { end(0); }

void child::end(int wait_ms) {
  process_.close_in();
  if (wait_ms > 0) (void)process_.wait(wait_ms);
  process_.kill();
  (void)process_.wait();
  over_.store(true);
  if (listener_.joinable()) listener_.join();
  if (events_fd_ >= 0) ::close(std::exchange(events_fd_, -1));
  if (dead_.code.empty()) dead_ = {"process.died", title_ + ": its process has ended"};
}

void child::still_at_work() { began_ns_.store(monotonic_ns(), std::memory_order_relaxed); }

// Until the child's ends of both are closed: what it said is told even where it died.
void child::listen() {
  frame_reader events(events_fd_);
  std::string line;
  bool has_events = true, has_words = true;
  while (has_events || has_words) {
    std::array<pollfd, 2> on = {pollfd{has_events ? events_fd_ : -1, POLLIN, 0},
                                pollfd{has_words ? process_.err() : -1, POLLIN, 0}};
    const int n = ::poll(on.data(), on.size(), 100);
    if (n < 0 && errno != EINTR) return;
    // What it started may hold a pipe open for good.
    if (n == 0 && over_.load()) break;
    if (on[1].revents != 0) has_words = take_words(line);
    if (on[0].revents != 0) has_events = take_events(events);
  }
  if (!line.empty()) told_line(line);
  events_.closed();
}

bool child::take_events(frame_reader& events) {
  frame f;
  for (;;) {
    const auto how = events.next(f, [] { return std::int64_t{0}; });
    if (how == pipe_end::timed_out) return true;
    if (how == pipe_end::malformed) return refuse_events(events.why());
    if (how != pipe_end::fine) return false;
    const auto text = std::string_view(f.body).substr(0, most_event_bytes);
    switch (f.head.what) {
      case say::log: events_.log(text); break;
      case say::count: events_.count(text, f.head.ts_ns); break;
      case say::wake: events_.wake(); break;
      case say::at_work:
        still_at_work();
        events_.at_work();
        break;
      case say::holds: events_.holds(f.head.epoch, f.head.count); break;
      case say::progress: events_.progress(f.body); break;
      default: return refuse_events(fmt::format("`{}`", to_string(f.head.what)));
    }
  }
}

// Nothing more is heard there: a log would block it, and what it holds would never end.
bool child::refuse_events(std::string_view why) {
  {
    std::lock_guard lock(mutex_);
    why_malformed_ = why;
  }
  process_.kill();
  return false;
}

bool child::take_words(std::string& line) {
  std::array<char, 4096> some{};
  const auto n = ::read(process_.err(), some.data(), some.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return false;
  for (const char c : std::string_view(some.data(), static_cast<std::size_t>(n))) {
    if (c != '\n' && line.size() < most_event_bytes) line += c;
    if (c != '\n') continue;
    told_line(line);
    line.clear();
  }
  return true;
}

void child::told_line(const std::string& line) {
  const auto clean = one_line(line);
  if (clean.empty()) return;
  {
    std::lock_guard lock(mutex_);
    words_ = clean;
  }
  // A component that floods its standard error floods no log.
  if (++lines_ <= 200)
    events_.log(clean);
  else
    events_.count("stderr_lines_left_out", 1);
}

tl::unexpected<error> child::gone(say what, pipe_end how) {
  if (how == pipe_end::malformed) {
    process_.kill();
    dead_ = {"process.malformed", fmt::format("{}: its process said in {} what is no answer ({})",
                                              title_, to_string(what), replies_->why())};
  } else if (how == pipe_end::timed_out) {
    process_.kill();
    dead_ = {"process.hung", fmt::format("{}: its process did not come back from {} within {} ms "
                                         "and was killed",
                                         title_, to_string(what), limit_ms_)};
  } else {
    // Its pipe is closed: it is dead, or will never answer.
    // Between the end of its pipes and its own lies as long as a busy machine takes.
    const bool died = process_.wait(5000).has_value();
    process_.kill();
    const auto code = process_.wait();
    over_.store(true);
    if (listener_.joinable()) listener_.join();
    std::lock_guard lock(mutex_);
    if (!why_malformed_.empty()) {
      dead_ = {
          "process.malformed",
          fmt::format("{}: its process said beside its answers what no child says ({}); it was "
                      "killed, and that was found in {}",
                      title_, why_malformed_, to_string(what))};
      return tl::unexpected<error>(dead_);
    }
    dead_ = {"process.died", fmt::format("{}: its process {} {}: {}{}", title_,
                                         died ? "died in" : "gave up in", to_string(what),
                                         died ? how_it_ended(code.value_or(127), rules_)
                                              : "it closed its pipes, and was killed",
                                         words_.empty() ? "" : "; it said: " + words_)};
  }
  return tl::unexpected<error>(dead_);
}

result<frame_head> child::call(say what, std::string_view bytes, std::int64_t limit_ms,
                               const std::function<result<void>(const frame&)>& on) {
  if (!dead_.code.empty()) return tl::unexpected<error>(dead_);
  still_at_work();
  limit_ms_ = limit_ms;
  const auto until = [&] {
    return limit_ms <= 0 ? std::int64_t{-1}
                         : began_ns_.load(std::memory_order_relaxed) + limit_ms * 1'000'000;
  };
  if (const auto end = write_all(process_.in(), bytes, until); end != pipe_end::fine)
    return gone(what, end);
  replies_->call_sent();
  std::size_t late = 0;
  for (frame f;;) {
    const auto end = replies_->next(f, until);
    if (end != pipe_end::fine) return gone(what, end);
    if (f.head.what == say::done) {
      answer_ = f.body;
      return f.head;
    }
    if (f.head.what == say::failed) {
      const auto zero = f.body.find('\0');
      if (zero == f.body.npos) return gone(what, pipe_end::malformed);
      return fail(one_line(f.body.substr(0, zero)), std::string(f.body.substr(zero + 1)));
    }
    if (auto taken = on(f); !taken) {
      process_.kill();
      dead_ = {taken.error().code, title_ + ": " + taken.error().message};
      return tl::unexpected<error>(dead_);
    }
    const auto limit = until();
    late = limit >= 0 && monotonic_ns() >= limit ? late + 1 : 0;
    if (late > most_late) return gone(what, pipe_end::timed_out);
  }
}

}  // namespace hocket::process
