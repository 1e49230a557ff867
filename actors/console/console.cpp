#include "actors/console/console.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "graph/text/clean.hpp"

namespace hocket::console {
namespace {
constexpr std::size_t longest_line = 4096;

/// One line of text for a screen: no escapes, and nothing that begins another line.
std::string one_line(const std::string& bytes) {
  auto out = clean_text(bytes);
  for (auto& c : out)
    if (c == '\n' || c == '\t') c = ' ';
  return out;
}
}  // namespace

component_info text_console::info() {
  return {.type = "text.console",
          .summary = "Lines from the keyboard (or a script) as text, and text printed as lines.",
          .inputs = {{"text",
                      {.kind = payload_kind::text},
                      "what to print",
                      false,
                      default_queue(payload_kind::text)}},
          .outputs = {{"text", {.kind = payload_kind::text}, "one packet per line, role `user`"}},
          .source = true,
          .period_ms = 50};
}

result<void> text_console::open(const context& where) {
  context_ = where;
  for (const auto& entry : config_.script) {
    double seconds = -1;
    const auto [end, problem] = std::from_chars(entry.data(), entry.data() + entry.size(), seconds);
    const auto words = end == entry.data() + entry.size() ? "" : std::string(end + 1);
    if (problem != std::errc() || seconds < 0 || words.empty() || *end != ' ')
      return fail("console.bad_script", "`" + entry + "` is not `SECONDS WORDS`");
    if (auto line = one_line(words); !line.empty())
      script_.push_back({timestamp(static_cast<std::int64_t>(seconds * 1e9)), std::move(line)});
  }
  std::ranges::stable_sort(script_, {}, &line::at);
  return {};
}

result<source_state> text_console::produce(timestamp until, emitter& out) {
  if (config_.script.empty())
    return read_keyboard(out) ? source_state::more : source_state::end_of_stream;
  while (!script_.empty() && script_.front().at < until) {
    out.emit(0, script_.front().at, text{std::move(script_.front().words), "user"});
    script_.pop_front();
  }
  return script_.empty() ? source_state::end_of_stream : source_state::more;
}

// Takes what is there without waiting; false at the end of the input.
bool text_console::read_keyboard(emitter& out) {
  bool open = true;
  for (int n = 0; n < 16 && open; ++n) {  // at most 64 KiB a call, so that a pipe cannot hold us
    pollfd ready{in_, POLLIN, 0};
    if (::poll(&ready, 1, 0) <= 0) break;
    char bytes[4096];
    const auto got = ::read(in_, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) break;
    open = got > 0;
    if (open) partial_.append(bytes, static_cast<std::size_t>(got));
    if (!open && !partial_.empty()) partial_ += '\n';
    if (partial_.size() > longest_line && partial_.find('\n') == partial_.npos) {
      context_.count("cut_lines", 1);
      partial_.resize(longest_line);
      partial_ += '\n';
    }
    for (std::size_t end; (end = partial_.find('\n')) != partial_.npos;) {
      auto words = one_line(partial_.substr(0, end));
      partial_.erase(0, end + 1);
      if (!words.empty()) out.emit(0, context_.time->now(), text{std::move(words), "user"});
    }
  }
  return open;
}

result<void> text_console::process(std::size_t, const packet& p, emitter&) {
  const auto* words = p.get_if<text>();
  if (!words || !config_.print) return {};
  if (!speaking_.empty()) speaking_ += ' ';
  speaking_ += words->value;
  if (!words->final) return {};
  // What comes from a peer or a recording was cleaned by somebody else, if at all.
  const auto line =
      one_line((words->role.empty() ? "" : words->role + ": ") + std::move(speaking_)) + "\n";
  speaking_.clear();
  if (::write(out_, line.data(), line.size()) < 0) context_.count("not_printed", 1);
  return {};
}

}  // namespace hocket::console
