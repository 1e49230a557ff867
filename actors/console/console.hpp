#pragma once

#include <deque>
#include <string>

#include "graph/contract/component.hpp"

namespace hocket::console {

/// `text.console`: the keyboard as a source of words, and a place to print words.
///
/// Inputs: text (optional): printed, one line per finished utterance.
/// Outputs: text: role "user", one packet per line, ts = when it was read (or its script time).
/// With `script` the lines come from there at their times instead of the keyboard; the source ends
/// after the last one. The keyboard is read without waiting; it ends with end of file.
/// Errors: console.bad_script (a line that is not "SECONDS WORDS").
class text_console : public component {
 public:
  struct config {
    std::vector<std::string> script;
    bool print = true;
    void visit(config_visitor& v) {
      v.field({.name = "script",
               .doc = "lines `SECONDS WORDS` in place of the keyboard, such as `1.5 hello there`"},
              script);
      v.field({.name = "print", .doc = "write incoming text to standard output"}, print);
    }
  };
  static component_info info();

  /// `in` and `out` are file descriptors; tests give pipes.
  explicit text_console(config c, int in = 0, int out = 1)
      : config_(std::move(c)), in_(in), out_(out) {}
  result<void> open(const context&) override;
  result<source_state> produce(timestamp until, emitter&) override;
  result<void> process(std::size_t port, const packet&, emitter&) override;

 private:
  struct line {
    timestamp at;
    std::string words;
  };
  bool read_keyboard(emitter&);

  config config_;
  int in_;
  int out_;
  context context_;
  std::deque<line> script_;
  std::string partial_;   ///< keyboard: a line without its end
  std::string speaking_;  ///< printing: words of an utterance that is not finished
};

}  // namespace hocket::console
