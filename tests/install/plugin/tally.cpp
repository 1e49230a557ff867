#include <fstream>

#include "guest.hpp"

namespace {

/// A sink: writes how many packets it was handed.
struct tally final : hocket::component {
  struct config {
    void visit(hocket::config_visitor&) {}
  };
  static hocket::component_info info() {
    hocket::component_info out;
    out.type = "guest.tally";
    out.summary = "Counts words.";
    out.inputs = {{"words", {.kind = hocket::payload_kind::text}, "what is counted"}};
    return out;
  }
  explicit tally(config) {}

  hocket::result<void> open(const hocket::context& where) override {
    file_ = where.output_dir + "/tally.txt";
    return {};
  }
  hocket::result<void> process(std::size_t, const hocket::packet& p, hocket::emitter&) override {
    if (p.get_if<hocket::text>()) ++count_;
    return {};
  }
  hocket::result<void> close(hocket::emitter&) override {
    std::ofstream(file_) << count_ << '\n';
    return {};
  }

 private:
  std::string file_;
  int count_ = 0;
};

}  // namespace

hocket::component_type tally_component() { return hocket::type_of<tally>(); }
