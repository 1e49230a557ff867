#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "graph/core/time_range.hpp"
#include "tests/fault/same_process/rogue.hpp"

namespace hocket::unruly {
namespace {

std::mutex mutex;
std::map<std::string, heard> all_heard;
std::vector<std::thread> threads;
std::set<std::string> made;
std::atomic<bool> released{false};

const std::vector<output_port>& outputs() {
  static const std::vector<output_port> all = {
      {"words", {.kind = payload_kind::text}, ""},
      {"sound", {.kind = payload_kind::audio, .rate_hz = 16000, .channels = 1}, ""},
      {"numbers", {.kind = payload_kind::tensor, .element = dtype::f32, .shape = {4}}, ""},
      {"pictures", {.kind = payload_kind::video}, ""},
      {"results", {.kind = payload_kind::tool_result}, ""},
      {"tasks", {.kind = payload_kind::delegation}, ""},
      {"examples", {.kind = payload_kind::training_example}, ""},
      {"marks", {.kind = payload_kind::control}, ""}};
  return all;
}

/// What is wrong with a payload, by rules that are not the host's.
struct judge {
  std::string operator()(const text&) const { return ""; }
  std::string operator()(const audio_chunk& a) const {
    const auto samples = a.samples.as<float>();
    const bool fine =
        a.rate_hz == 16000 && a.channels == 1 && !samples.empty() &&
        a.samples.size_bytes() % sizeof(float) == 0 &&
        std::all_of(samples.begin(), samples.end(), [](float s) { return std::isfinite(s); });
    return fine ? "" : "sound that is none";
  }
  std::string operator()(const tensor& t) const {
    return t.type == dtype::f32 && t.shape == std::vector<std::int64_t>{4} &&
                   t.data.size_bytes() == 16
               ? ""
               : "other numbers";
  }
  std::string operator()(const video_frame& f) const {
    return f.width > 0 && f.height > 0 &&
                   static_cast<double>(f.width) * f.height * 3 ==
                       static_cast<double>(f.pixels.size_bytes())
               ? ""
               : "a picture that is none";
  }
  std::string operator()(const tool_result& r) const {
    return static_cast<int>(r.status) <= 4 ? "" : "an outcome that is none";
  }
  std::string operator()(const delegation& d) const {
    return static_cast<int>(d.what) <= 1 ? "" : "an action that is none";
  }
  std::string operator()(const training_example& e) const {
    for (const auto& [name, t] : e.tensors)
      if (static_cast<int>(t.type) > 6) return "an example of numbers that are none";
    return "";
  }
  std::string operator()(const tool_call&) const { return "nobody calls"; }
  std::string operator()(const adapter&) const { return "nobody has an adapter"; }
  std::string operator()(const control& c) const {
    return static_cast<int>(c.what) <= 6 ? "" : "a control that is none";
  }
};

class ears final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "unruly.ears";
    i.summary = "Judges what it hears.";
    for (const auto& o : outputs()) i.inputs.push_back({o.name, o.type, "", false, {}});
    return i;
  }
  explicit ears(config) {}
  result<void> open(const context& c) override {
    where_ = c;
    return {};
  }
  result<void> process(std::size_t port, const packet& p, emitter&) override {
    const auto& h = p.header;
    auto& s = streams_[port];
    if (!p.body) return judged("nothing");
    if (p.kind() != outputs()[port].type.kind) return judged("another kind");
    if (const auto why = std::visit(judge{}, *p.body); !why.empty()) return judged(why);
    if (h.session != where_.session) return judged("another conversation");
    if (s.any && h.seq <= s.seq) return judged("a packet twice, or out of order");
    if (!is_time(h.ts.ns()) || h.ts > where_.time->now() + std::chrono::hours(1))
      return judged("no time");
    if (h.micro_turn != where_.grid.index_of(h.ts)) return judged("another micro-turn");
    if (h.way.count == 0 || h.way.count > trace::capacity) return judged("no way");
    if (p.kind() == payload_kind::audio && h.ts < s.ts) return judged("sound from before");
    s = {true, h.seq, h.ts};
    const auto* t = p.get_if<text>();
    if (t == nullptr || !t->value.starts_with('w')) return {};
    std::lock_guard lock(mutex);
    all_heard[where_.actor].words.push_back(t->value);
    return {};
  }

 private:
  result<void> judged(std::string why) {
    std::lock_guard lock(mutex);
    all_heard[where_.actor].faults.push_back(std::move(why));
    return {};
  }
  struct stream {
    bool any = false;
    std::uint64_t seq = 0;
    timestamp ts;
  };
  context where_;
  std::map<std::size_t, stream> streams_;
};

class words final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "unruly.words";
    i.summary = "Ten words.";
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    i.source = true;
    return i;
  }
  explicit words(config) {}
  result<source_state> produce(timestamp until, emitter& out) override {
    for (; n_ < 10 && timestamp::of_ms(n_ * 20) < until; ++n_)
      out.emit(0, timestamp::of_ms(n_ * 20), text{.value = fmt::format("w{}", n_), .role = "user"});
    return n_ < 10 ? source_state::more : source_state::end_of_stream;
  }

 private:
  int n_ = 0;
};

class relay final : public component {
 public:
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info i;
    i.type = "unruly.relay";
    i.summary = "Passes words on.";
    i.inputs = {{"words", {.kind = payload_kind::text}, "", true, {}}};
    i.outputs = {{"words", {.kind = payload_kind::text}, ""}};
    return i;
  }
  explicit relay(config) {}
  result<void> process(std::size_t, const packet& p, emitter& out) override {
    out.emit(0, p);
    return {};
  }
};

const way& way_called(const std::string& name) {
  for (const auto& w : ways())
    if (name == w.name) return w;
  throw std::invalid_argument("no way is called " + name);
}

}  // namespace

const std::vector<way>& ways() {
  static const std::vector<way> all = [] {
    std::vector<way> out;
    add_failures(out);
    add_packets(out);
    add_surroundings(out);
    return out;
  }();
  return all;
}

void rogue::config::visit(config_visitor& v) {
  v.field({.name = "how", .doc = "what it does", .required = true}, how);
}

component_info rogue::info() {
  component_info i;
  i.type = "unruly.rogue";
  i.summary = "Misbehaves.";
  i.inputs = {{"words", {.kind = payload_kind::text}, "", true, {}}};
  i.outputs = outputs();
  i.ticks = true;
  return i;
}

rogue::rogue(config c) : how_(way_called(c.how)) {
  if (std::string_view(how_.when) != "make" || !is_first(how_)) return;
  if (auto done = act_at("make", nullptr); !done) throw std::runtime_error(done.error().message);
}

rogue::~rogue() { (void)act_at("destroy", nullptr); }

result<void> rogue::act_at(std::string_view when, emitter* out) {
  return when == how_.when ? how_.does(*this, out) : result<void>{};
}

result<void> rogue::open(const context& c) {
  where = c;
  if (c.restarts > 0) return act_at("reopen", nullptr);
  const bool stays = std::string_view(how_.when) == "thread that stays";
  if (stays || std::string_view(how_.when) == "thread")
    in_thread([does = how_.does, life = c, keep = stays ? nullptr : c.hold()] {
      // The component may be gone: the thread has only what it was given.
      rogue alone({.how = "nothing"});
      alone.where = life;
      (void)does(alone, nullptr);
    });
  return act_at("open", nullptr);
}

result<void> rogue::process(std::size_t, const packet& p, emitter& out) {
  at = p.header.ts;
  kept.push_back(p);
  if (++packets_ == 3 && where.restarts == 0) {
    if (std::string_view(how_.when) == "task")
      where.self->run([this](emitter& later) {
        if (auto done = how_.does(*this, &later); !done)
          throw std::runtime_error(done.error().message);
      });
    if (std::string_view(how_.when) == "reopen") return fail("unruly.once", "to come back");
    HOCKET_TRY(act_at("process", &out));
  }
  out.emit(0, p);
  return {};
}

result<void> rogue::tick(std::int64_t, emitter& out) {
  return where.restarts == 0 ? act_at("tick", &out) : result<void>{};
}
result<void> rogue::on_control(std::size_t, const packet&, emitter& out) {
  return where.restarts == 0 ? act_at("control", &out) : result<void>{};
}
result<void> rogue::close(emitter& out) { return act_at("close", &out); }

registry types() {
  registry out;
  if (!out.add(type_of<rogue>()) || !out.add(type_of<words>()) || !out.add(type_of<relay>()) ||
      !out.add(type_of<ears>()))
    std::abort();
  return out;
}

heard heard_by(const std::string& actor) {
  std::lock_guard lock(mutex);
  return all_heard[actor];
}

void begin() {
  std::lock_guard lock(mutex);
  all_heard.clear();
  made.clear();
  released.store(false);
}

bool is_first(const way& w) {
  std::lock_guard lock(mutex);
  return made.insert(w.name).second;
}

void release() {
  released.store(true);
  std::vector<std::thread> all;
  {
    std::lock_guard lock(mutex);
    all.swap(threads);
  }
  for (auto& t : all) t.join();
}

bool is_released() { return released.load(); }

void wait_until_released() {
  while (!is_released()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void in_thread(std::function<void()> f) {
  std::lock_guard lock(mutex);
  threads.emplace_back(std::move(f));
}

}  // namespace hocket::unruly
