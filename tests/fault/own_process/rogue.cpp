#include "tests/fault/own_process/rogue.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "actors/process/frame.hpp"

namespace hocket::rogue {
namespace {

volatile int zero = 0;

int deep(int n) {
  volatile char room[4096] = {};
  room[0] = static_cast<char>(n);
  return n < 0 ? room[0] : deep(n + 1) + room[0];
}

/// Bytes into every pipe that might be the run's.
void into_all_pipes(const std::string& bytes) {
  for (int fd = 16; fd < 64; ++fd) (void)!::write(fd, bytes.data(), bytes.size());
}

std::string frame_of(process::frame_head h, std::vector<process::bulk_place> bulk = {}) {
  std::string out;
  process::append_frame(out, h, "", bulk);
  return out;
}

void scribble_on_shared_memory() {
  // The largest shared mappings of ours that can be written: the heads and the heap.
  std::FILE* maps = std::fopen("/proc/self/maps", "r");
  char line[512];
  while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0, to = 0;
    char rights[8] = {};
    if (std::sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[3] == 's' &&
        rights[1] == 'w')
      std::memset(reinterpret_cast<void*>(from), 0xFF, std::min(to - from, 65536UL));
  }
  if (maps != nullptr) std::fclose(maps);
}

void hold_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

void refused_or_fail(bool reached, const char* what) {
  if (reached) throw std::runtime_error(fmt::format("REACHED {}", what));
  throw std::runtime_error(fmt::format("refused: {}", what));
}

packet words(const char* s) { return make_packet(timestamp(0), text{.value = s, .role = "user"}); }

void emit_frame(process::say what) {
  process::frame_head h;
  h.what = what;
  into_all_pipes(frame_of(h));
}

}  // namespace

const std::vector<way>& ways() {
  using process::bulk_place;
  using process::frame_head;
  static const std::vector<way> all = {
      {"null_write", [](auto&, auto*) { *reinterpret_cast<volatile int*>(zero) = 1; }},
      {"null_call", [](auto&, auto*) { reinterpret_cast<void (*)()>(std::uintptr_t(zero))(); }},
      {"wild_read",
       [](auto&, auto*) { zero = *reinterpret_cast<volatile int*>(0x7fff'0000'0000 + zero); }},
      {"constant_write", [](auto&, auto*) { *const_cast<char*>("constant") = 'x'; }},
      {"abort", [](auto&, auto*) { std::abort(); }},
      {"terminate", [](auto&, auto*) { std::terminate(); }},
      {"throw_in_noexcept",
       [](auto&, auto*) { []() noexcept { throw std::runtime_error("no way out"); }(); }},
      {"trap", [](auto&, auto*) { ::raise(SIGTRAP); }},
      {"illegal", [](auto&, auto*) { ::raise(SIGILL); }},
      {"division", [](auto&, auto*) { ::raise(SIGFPE); }},
      {"bus", [](auto&, auto*) { ::raise(SIGBUS); }},
      {"segv_raised", [](auto&, auto*) { ::raise(SIGSEGV); }},
      {"kill_self", [](auto&, auto*) { ::kill(::getpid(), SIGKILL); }},
      {"term_self", [](auto&, auto*) { ::kill(::getpid(), SIGTERM); }},
      {"stop_self", [](auto&, auto*) { ::kill(::getpid(), SIGSTOP); }},
      {"kill_all",
       [](auto&, auto*) {
         ::kill(-1, SIGKILL);
         hold_for_ever();
       }},
      {"kill_parent",
       [](auto&, auto*) {
         ::kill(::getppid(), SIGKILL);
         hold_for_ever();
       }},
      {"exit_0", [](auto&, auto*) { std::exit(0); }},
      {"exit_3", [](auto&, auto*) { ::_exit(3); }},
      {"quick_exit", [](auto&, auto*) { std::quick_exit(7); }},
      {"exit_in_thread",
       [](auto&, auto*) {
         std::thread([] { ::_exit(9); }).detach();
         hold_for_ever();
       }},
      {"crash_in_thread",
       [](auto&, auto*) {
         std::thread([] { *reinterpret_cast<volatile int*>(zero) = 1; }).detach();
         hold_for_ever();
       }},
      {"throw_in_thread",
       [](auto&, auto*) {
         std::thread([] { throw std::runtime_error("in a thread"); }).detach();
         hold_for_ever();
       }},
      {"stack_overflow", [](auto&, auto*) { zero = deep(1); }},
      {"double_free",
       [](auto&, auto*) {
         void* volatile p = std::malloc(64);
         std::free(p);
         std::free(p);
         std::abort();
       }},
      {"bad_free", [](auto&, auto*) { std::free(reinterpret_cast<void*>(0x12345 + zero)); }},
      {"all_memory",
       [](auto&, auto*) {
         std::vector<std::unique_ptr<char[]>> kept;
         for (;;) kept.push_back(std::make_unique<char[]>(1 << 20));
       }},
      {"one_huge_allocation",
       [](auto&, auto*) {
         std::vector<char> v(std::size_t{1} << 40);
         zero = v[0];
       }},
      {"leak_unseen",
       [](auto&, auto*) {
         for (;;) std::memset(std::malloc(1 << 20), 1, 1 << 20);
       }},
      {"endless_loop",
       [](auto&, auto*) {
         for (volatile int i = 0;; i = i + 1) zero = 0;
       }},
      {"endless_sleep", [](auto&, auto*) { hold_for_ever(); }},
      {"deadlock",
       [](auto&, auto*) {
         pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
         pthread_mutex_lock(&m);
         pthread_mutex_lock(&m);
       }},
      {"throw_error", [](auto&, auto*) { throw std::runtime_error("as it should be said"); }},
      {"throw_int", [](auto&, auto*) { throw 42; }},
      {"throw_long",
       [](auto&, auto*) { throw std::runtime_error(std::string(1 << 20, 'x') + "\n\x1b[2J"); }},
      {"print_garbage",
       [](auto&, auto*) {
         for (int i = 0; i < 1000; ++i) std::printf("garbage %d\n", i);
         std::fflush(stdout);
       }},
      {"flood_stderr",
       [](auto&, auto*) {
         for (int i = 0; i < 100000; ++i) std::fprintf(stderr, "line %d \x1b[2J\n", i);
         ::_exit(4);
       }},
      {"flood_log",
       [](auto& c, auto*) {
         for (int i = 0; i < 5000; ++i) c.log(std::string(2000, 'l'));
         ::_exit(4);
       }},
      {"flood_counters",
       [](auto& c, auto*) {
         for (int i = 0; i < 5000; ++i) c.count(fmt::format("counter_{}", i), 1);
         ::_exit(4);
       }},
      {"close_all",
       [](auto&, auto*) {
         for (int fd = 0; fd < 256; ++fd) ::close(fd);
         hold_for_ever();
       }},
      {"bytes_in_pipes", [](auto&, auto*) { into_all_pipes(std::string(500, '\xff')); }},
      {"zeros_in_pipes", [](auto&, auto*) { into_all_pipes(std::string(500, '\0')); }},
      {"huge_frame",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::done;
         h.body_bytes = 0;
         auto bytes = frame_of(h);
         bytes[0] = bytes[1] = bytes[2] = bytes[3] = '\x7f';
         into_all_pipes(bytes);
       }},
      {"half_a_frame",
       [](auto&, auto*) {
         into_all_pipes(frame_of({}).substr(0, 40));
         ::_exit(4);
       }},
      {"call_as_answer", [](auto&, auto*) { emit_frame(process::say::open); }},
      {"bulk_outside",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into_all_pipes(frame_of(h, {{bulk_place::kind::arena, 1, UINT64_MAX - 5, 100}}));
       }},
      {"bulk_of_nobody",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into_all_pipes(frame_of(h, {{bulk_place::kind::returned, 77, 0, 100}}));
       }},
      {"lease_out_of_range",
       [](auto&, auto*) {
         frame_head h;
         h.what = process::say::emit;
         into_all_pipes(frame_of(h, {{bulk_place::kind::arena, 4'000'000'000, 0, 100}}));
       }},
      {"scribble",
       [](auto&, auto*) {
         scribble_on_shared_memory();
         ::_exit(4);
       }},
      {"bad_port", [](auto&, auto* out) { if (out) out->emit(77, words("x")); ::_exit(4); }},
      {"no_payload", [](auto&, auto* out) { if (out) out->emit(0, packet{}); ::_exit(4); }},
      {"other_kind",
       [](auto&, auto* out) {
         if (out) out->emit(0, make_packet(timestamp(0), video_frame{}));
         ::_exit(4);
       }},
      {"not_utf8",
       [](auto&, auto* out) {
         if (out) out->emit(0, words("\xff\xfe"));
         ::_exit(4);
       }},
      {"time_backwards",
       [](auto&, auto* out) {
         for (int i = 10; out && i > 0; --i)
           out->emit(0, make_packet(timestamp::of_ms(i), text{.value = "t", .role = "user"}));
         ::_exit(4);
       }},
      {"flood_packets",
       [](auto&, auto* out) {
         for (int i = 0; out && i < 20000; ++i) out->emit(0, words("again"));
         ::_exit(4);
       }},
      {"many_interrupts",
       [](auto&, auto* out) {
         for (int i = 0; out && i < 200; ++i) out->interrupt();
         ::_exit(4);
       }},
      {"many_threads",
       [](auto&, auto*) {
         for (;;) std::thread(hold_for_ever).detach();
       }},
      {"many_files",
       [](auto&, auto*) {
         while (::open("/dev/null", O_RDONLY) >= 0) {
         }
         throw std::runtime_error("no more descriptors");
       }},
      {"fork_and_die",
       [](auto&, auto*) {
         if (::fork() == 0) hold_for_ever();
         ::_exit(5);
       }},
      {"processor_time",
       [](auto&, auto*) {
         for (volatile int i = 0;; i = i + 1) zero = 0;
       }},
      {"file_of_others",
       [](auto&, auto*) { refused_or_fail(::open("/etc/shadow", O_RDONLY) >= 0, "/etc/shadow"); }},
      {"file_of_ours",
       [](auto&, auto*) {
         refused_or_fail(::open("/root", O_RDONLY | O_DIRECTORY) >= 0 ||
                             ::open("/home", O_RDONLY | O_DIRECTORY) >= 0,
                         "a home");
       }},
      {"new_file",
       [](auto&, auto*) {
         refused_or_fail(::open("/tmp/hocket-rogue", O_WRONLY | O_CREAT, 0600) >= 0, "/tmp");
       }},
      {"network",
       [](auto&, auto*) { refused_or_fail(::socket(AF_INET, SOCK_STREAM, 0) >= 0, "a socket"); }},
      {"local_socket",
       [](auto&, auto*) { refused_or_fail(::socket(AF_UNIX, SOCK_STREAM, 0) >= 0, "a socket"); }},
      {"debug_others",
       [](auto&, auto*) {
         refused_or_fail(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0, "ptrace");
       }},
      {"another_program",
       [](auto&, auto*) {
         ::execl("/bin/false", "false", nullptr);
         throw std::runtime_error("refused: exec");
       }},
      {"more_rights",
       [](auto&, auto*) {
         const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
         refused_or_fail(::setrlimit(RLIMIT_DATA, &all) == 0 || ::setuid(0) == 0, "more rights");
       }},
  };
  return all;
}

namespace {

class unruly final : public component {
 public:
  struct config {
    std::string how, when;
    void visit(config_visitor& v) {
      v.field({.name = "how", .doc = "what it does"}, how);
      v.field({.name = "when", .doc = "in which call"}, when);
    }
  };
  static component_info info() {
    component_info i;
    i.type = "test.rogue";
    i.summary = "Misbehaves.";
    i.inputs = {{"words", {.kind = payload_kind::text}, "", false, {}}};
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.ticks = true;
    return i;
  }
  explicit unruly(config c) : config_(std::move(c)) { act_at("make", nullptr); }
  ~unruly() override { act_at("destroy", nullptr); }
  result<void> open(const context& c) override {
    context_ = c;
    act_at("open", nullptr);
    if (config_.when == "between")
      std::thread([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        act_at("between", nullptr);
      }).detach();
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    if (++packets_ == 3) act_at("process", &out);
    out.emit(0, p);
    return {};
  }
  result<void> tick(std::int64_t, emitter& out) override {
    act_at("tick", &out);
    return {};
  }
  result<void> close(emitter& out) override {
    act_at("close", &out);
    return {};
  }

 private:
  void act_at(const char* where, emitter* out) {
    if (config_.when != where) return;
    for (const auto& w : ways())
      if (config_.how == w.name) return w.act(context_, out);
    std::abort();
  }
  config config_;
  context context_;
  int packets_ = 0;
};

/// Ten words, one each 20 ms.
class word_source final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.words";
    i.summary = "Words.";
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.source = true;
    return i;
  }
  explicit word_source(config) {}
  result<source_state> produce(timestamp until, emitter& out) override {
    for (; n_ < 10 && timestamp::of_ms(n_ * 20) < until; ++n_)
      out.emit(0, timestamp::of_ms(n_ * 20), text{.value = fmt::format("w{}", n_), .role = "user"});
    return n_ < 10 ? source_state::more : source_state::end_of_stream;
  }

 private:
  int n_ = 0;
};

class sink final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.sink";
    i.summary = "Hears.";
    i.inputs = {{"words", {.kind = payload_kind::text}, "", true, {}}};
    return i;
  }
  explicit sink(config) {}
};

/// Everything that a component can do, in one.
class pairs final : public component {
 public:
  struct config {
    std::int64_t every = 3;
    std::string mark = "é: \"quoted\", {x: 1}\n";
    std::vector<std::string> list = {"a", "b: c"};
    void visit(config_visitor& v) {
      v.field({.name = "every", .doc = "interrupts"}, every);
      v.field({.name = "mark", .doc = "a text"}, mark);
      v.field({.name = "list", .doc = "texts"}, list);
    }
  };
  static component_info info() {
    component_info i;
    i.type = "test.pairs";
    i.summary = "Sets, ticks and tasks.";
    i.inputs = {{"a", {.kind = payload_kind::text}, "", true, {}},
                {"b", {.kind = payload_kind::text}, "", false, {}}};
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.policy = input_policy::micro_turn;
    i.policies = {input_policy::aligned};
    i.ticks = true;
    return i;
  }
  explicit pairs(config c) : config_(std::move(c)) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<void> process_sets(std::span<const bundle> sets, emitter& out) override {
    for (const auto& s : sets) {
      std::string all = fmt::format("set {} [{},{}) e{}:", s.micro_turn, s.from.ns(), s.to.ns(), s.epoch);
      for (std::size_t i = 0; i < s.inputs.size(); ++i)
        all += fmt::format(" {}x{}{}", s.inputs[i].size(),
                           s.inputs[i].empty() ? "" : s.inputs[i].front().get_if<text>()->value,
                           s.missing[i] ? "!" : "");
      say(out, all);
      context_.self->run([this, all](emitter& o) { say(o, "task after " + all); });
      context_.count("sets", 1);
      if (++sets_ % config_.every == 0) out.interrupt();
    }
    return {};
  }
  result<void> tick(std::int64_t k, emitter& out) override {
    say(out, fmt::format("tick {} {} {}", k, config_.mark, config_.list.back()));
    return {};
  }
  result<void> on_control(std::size_t port, const packet& p, emitter& out) override {
    say(out, fmt::format("control {} {}", port, to_string(p.get_if<control>()->what)));
    return {};
  }
  result<void> close(emitter& out) override {
    say(out, "last words");
    return {};
  }

 private:
  void say(emitter& out, const std::string& what) {
    out.emit(0, context_.time->now(),
             text{.value = fmt::format("{} @{}", what, context_.time->now().ns()), .role = "user"});
  }
  config config_;
  context context_;
  std::int64_t sets_ = 0;
};

/// Large sounds go through it: as they came, and made anew.
class sound final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.sound";
    i.summary = "Large payloads.";
    i.inputs = {{"audio", {.kind = payload_kind::audio}, "", true, {}}};
    i.outputs = {{"same", {.kind = payload_kind::audio}, ""}, {"made", {.kind = payload_kind::audio}, ""}};
    return i;
  }
  explicit sound(config) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    const auto copies = buffer::copies_made();
    auto a = *p.get_if<audio_chunk>();
    auto room = out.allocate(1, a.samples.size_bytes());
    const auto from = a.samples.as<float>();
    auto to = room.as<float>();
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = -from[i];
    out.emit(0, p);
    a.samples = std::move(room).seal();
    out.emit(1, make_packet(p.header.ts, std::move(a)));
    context_.count("copies", static_cast<std::int64_t>(buffer::copies_made() - copies));
    return {};
  }

 private:
  context context_;
};

/// Where the tones of this process lie.
std::mutex tones_mutex;
std::vector<const void*> tones_at;

/// Forty sounds of 256 KiB, made where the receiver wants them.
class tones final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.tones";
    i.summary = "Large sounds.";
    i.outputs = {{"audio", {.kind = payload_kind::audio}, ""}};
    i.source = true;
    return i;
  }
  explicit tones(config) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<source_state> produce(timestamp until, emitter& out) override {
    constexpr std::size_t samples = 65536;
    for (; n_ < 40 && timestamp::of_ms(n_ * 20) < until; ++n_) {
      auto room = out.allocate(0, samples * sizeof(float));
      auto to = room.as<float>();
      for (std::size_t i = 0; i < samples; ++i) to[i] = static_cast<float>(n_ * i % 7) / 8;
      audio_chunk a;
      a.first_sample = n_ * static_cast<std::int64_t>(samples);
      a.samples = std::move(room).seal();
      {
        std::lock_guard lock(tones_mutex);
        tones_at.push_back(a.samples.identity());
      }
      out.emit(0, timestamp::of_ms(n_ * 20), std::move(a));
    }
    return n_ < 40 ? source_state::more : source_state::end_of_stream;
  }

 private:
  context context_;
  std::int64_t n_ = 0;
};

class ears final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "test.ears";
    i.summary = "Looks where sounds lie.";
    i.inputs = {{"audio", {.kind = payload_kind::audio}, "", true, {}}};
    return i;
  }
  explicit ears(config) {}
  result<void> open(const context& c) override {
    context_ = c;
    return {};
  }
  result<void> process(std::size_t, const packet& p, emitter&) override {
    const auto* at = p.get_if<audio_chunk>()->samples.identity();
    std::lock_guard lock(tones_mutex);
    if (std::find(tones_at.begin(), tones_at.end(), at) != tones_at.end())
      context_.count("of_tones", 1);
    return {};
  }

 private:
  context context_;
};

}  // namespace

registry types() {
  registry out;
  if (!out.add(type_of<unruly>()) || !out.add(type_of<word_source>()) || !out.add(type_of<pairs>()) ||
      !out.add(type_of<sound>()) || !out.add(type_of<sink>()) ||
      !out.add(type_of<tones>()) || !out.add(type_of<ears>()))
    std::abort();
  return out;
}

}  // namespace hocket::rogue
