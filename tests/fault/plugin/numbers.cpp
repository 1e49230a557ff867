#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "tests/fault/plugin/faulty.hpp"

// A source that numbers what it sends, a relay, and a sink that writes down what it is handed: what
// is lost, comes twice or out of order can be told without asking the framework's own books.
namespace hocket::faulty {
namespace {

constexpr std::size_t words_min = 2;  ///< the source's life, and the number within it

/// Emits [n] i64, n >= 2, at a steady rate of stream time: a number drawn anew in each life of the
/// process, and a count from 0. Where it was held up it catches up. Last words to `<actor>.json`.
struct pulse final : component {
  struct config {
    std::int64_t every_ms = 10;
    std::int64_t bytes = 16;
    void visit(config_visitor& v) {
      v.field({.name = "every_ms", .doc = "time between two", .unit = "ms", .min = 1}, every_ms);
      v.field({.name = "bytes", .doc = "size of one", .unit = "bytes", .min = 16}, bytes);
    }
  };
  static component_info info() {
    component_info out;
    out.type = "faulty.pulse";
    out.summary = "Numbers at a steady rate (tests only).";
    out.outputs = {{"numbers", numbers, "life, count"}};
    out.source = true;
    out.period_ms = 10;
    return out;
  }
  explicit pulse(config c) : config_(c) {}

  result<void> open(const context& where) override {
    context_ = where;
    std::random_device random;
    life_ = static_cast<std::int64_t>(random()) << 16 | (random() & 0xffff);
    return {};
  }

  result<source_state> produce(timestamp until, emitter& out) override {
    if (!begun_) next_ = until - std::chrono::milliseconds(10);
    begun_ = true;
    for (; next_ < until; next_ = next_ + std::chrono::milliseconds(config_.every_ms)) {
      const auto words = std::max(words_min, static_cast<std::size_t>(config_.bytes) / 8);
      std::vector<std::int64_t> content(words);
      content[0] = life_;
      content[1] = count_++;
      // Nothing that a recorder can compress.
      for (std::size_t i = words_min; i < words; ++i)
        content[i] = static_cast<std::int64_t>(random_());
      out.emit(
          0, next_,
          tensor{dtype::i64, {static_cast<std::int64_t>(words)}, buffer::take(std::move(content))});
    }
    return source_state::more;
  }

  result<void> close(emitter&) override {
    std::ofstream(context_.output_dir + "/" + context_.actor + ".json")
        << fmt::format(R"({{"life": {}, "sent": {}}})", life_, count_);
    return {};
  }

 private:
  config config_;
  context context_;
  std::int64_t life_ = 0, count_ = 0;
  bool begun_ = false;
  timestamp next_;
  std::mt19937_64 random_{1};
};

/// Passes numbers on.
struct pass final : component {
  struct config {
    void visit(config_visitor&) {}
  };
  static component_info info() {
    component_info out;
    out.type = "faulty.pass";
    out.summary = "Passes numbers on (tests only).";
    out.inputs = {{"numbers", numbers, "numbers"}};
    out.outputs = {{"numbers", numbers, "the same"}};
    return out;
  }
  explicit pass(config) {}

  result<void> process(std::size_t, const packet& p, emitter& out) override {
    out.emit(0, p.header.ts, tensor(*p.get_if<tensor>()));
    return {};
  }
};

/// Appends a line per packet, "life number monotonic_ns", to `<actor>.ledger`. Each line is the
/// kernel's before the next packet is taken, so a killed process has told all that it was handed.
struct ledger final : component {
  struct config {
    std::int64_t wait_us = 0;
    void visit(config_visitor& v) {
      v.field({.name = "wait_us", .doc = "how slow it is, per packet", .unit = "us", .min = 0},
              wait_us);
    }
  };
  static component_info info() {
    component_info out;
    out.type = "faulty.ledger";
    out.summary = "Writes down which numbers it is handed (tests only).";
    out.inputs = {{"numbers", numbers, "numbers"}};
    return out;
  }
  explicit ledger(config c) : wait_(c.wait_us) {}
  ~ledger() override {
    if (file_ >= 0) ::close(file_);
  }

  result<void> open(const context& where) override {
    context_ = where;
    const auto path = where.output_dir + "/" + where.actor + ".ledger";
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0) return fail("faulty.ledger", path + ": " + std::strerror(errno));
    return {};
  }

  result<void> process(std::size_t, const packet& p, emitter&) override {
    const auto* t = p.get_if<tensor>();
    if (t->data.size_bytes() < words_min * 8) return fail("faulty.ledger", "no numbers");
    const auto content = t->data.as<std::int64_t>();
    const auto line = fmt::format("{} {} {}\n", content[0], content[1], monotonic_ns());
    if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      return fail("faulty.ledger", std::strerror(errno));
    if (wait_.count() > 0) std::this_thread::sleep_for(wait_);
    return {};
  }

  result<void> on_control(std::size_t, const packet& p, emitter&) override {
    context_.log(fmt::format("told {}", to_string(p.get_if<control>()->what)));
    return {};
  }

 private:
  std::chrono::microseconds wait_;
  context context_;
  int file_ = -1;
};

}  // namespace

component_type pulse_type() { return type_of<pulse>(); }
component_type pass_type() { return type_of<pass>(); }
component_type ledger_type() { return type_of<ledger>(); }

}  // namespace hocket::faulty
