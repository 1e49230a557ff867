#include "guest.hpp"

namespace {

/// A source: one word every 100 ms of stream time.
struct beat final : hocket::component {
  struct config {
    std::int64_t count = 10;
    void visit(hocket::config_visitor& v) {
      v.field({.name = "count", .doc = "words to send", .min = 0, .max = 1000}, count);
    }
  };
  static hocket::component_info info() {
    hocket::component_info out;
    out.type = "guest.beat";
    out.summary = "One word every 100 ms.";
    out.outputs = {{"words", {.kind = hocket::payload_kind::text}, "the word"}};
    out.source = true;
    return out;
  }
  explicit beat(config c) : count_(c.count) {}

  hocket::result<hocket::source_state> produce(hocket::timestamp until,
                                               hocket::emitter& out) override {
    for (; sent_ < count_ && hocket::timestamp::of_ms(sent_ * 100) < until; ++sent_)
      out.emit(0, hocket::timestamp::of_ms(sent_ * 100), hocket::text{"tick", "user"});
    return sent_ < count_ ? hocket::source_state::more : hocket::source_state::end_of_stream;
  }

 private:
  std::int64_t count_;
  std::int64_t sent_ = 0;
};

}  // namespace

hocket::component_type beat_component() { return hocket::type_of<beat>(); }
