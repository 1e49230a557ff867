#include "graph/trust/audit.hpp"

#include <sys/stat.h>

#include <chrono>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "graph/trust/files.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::trust {
namespace {

constexpr std::uint64_t lines_of_each = 100;
constexpr std::size_t whos = 64, longest = 300;
constexpr off_t largest = 1 << 20;
constexpr auto file_name = "refusals.jsonl";

std::string json(std::string_view text) {
  std::string out = "\"";
  for (const unsigned char c : text.substr(0, longest)) {
    if (c == '"' || c == '\\')
      (out += '\\') += static_cast<char>(c);
    else if (c < 0x20 || c >= 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));  // bytes: what it says is not ours
    else
      out += static_cast<char>(c);
  }
  return out + '"';
}

std::string now_text() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

struct book {
  std::mutex mutex;
  bool open = false;
  std::string out;
  std::optional<file> to;
  bool broken = false;
  std::map<std::string, std::uint64_t, std::less<>> seen;
  std::uint64_t others = 0;

  void write(const std::string& line) {
    if (!to && !broken) {
      const auto path = out + "/" + file_name;
      struct stat info {};
      const bool full = ::lstat(path.c_str(), &info) == 0 && info.st_size > largest;
      const auto in = folder::open(out);
      auto made = in ? in->create(file_name, full ? create_as::replaced : create_as::appended)
                     : result<file>(fail(in));
      if (made) to = std::move(*made);
      broken = !to;
    }
    if (to) broken = !to->write(line);
    if (broken) to.reset();
  }
};

book& the_book() {
  static auto* const it = new book;  // threads may be refused until the process ends
  return *it;
}

}  // namespace

audit::audit(const std::string& output_dir) {
  auto& b = the_book();
  std::lock_guard lock(b.mutex);
  if (b.open) return;
  mine_ = b.open = true;
  b.out = output_dir;
}

audit::~audit() {
  if (!mine_) return;
  auto& b = the_book();
  std::lock_guard lock(b.mutex);
  for (const auto& [who, n] : b.seen)
    if (n > lines_of_each)
      b.write(fmt::format("{{\"time\":{},\"who\":{},\"more\":{}}}\n", json(now_text()), json(who),
                          n - lines_of_each));
  if (b.others > 0)
    b.write(fmt::format("{{\"time\":{},\"who\":\"others\",\"more\":{}}}\n", json(now_text()),
                        b.others));
  b.open = b.broken = false;
  b.to.reset();
  b.seen.clear();
  b.others = 0;
}

void note_refusal(const refusal& r) {
  auto& b = the_book();
  std::lock_guard lock(b.mutex);
  if (!b.open) return;
  const auto who = r.who.substr(0, longest);
  auto it = b.seen.find(who);
  if (it == b.seen.end()) {
    if (b.seen.size() >= whos) {
      ++b.others;
      return;
    }
    it = b.seen.emplace(std::string(who), 0).first;
  }
  if (++it->second > lines_of_each) return;
  auto line = fmt::format("{{\"time\":{},\"who\":{},\"verb\":{},\"what\":{}", json(now_text()),
                          json(who), json(r.verb), json(redacted(std::string(r.what))));
  if (!r.why.empty()) line += ",\"why\":" + json(redacted(std::string(r.why)));
  b.write(line + "}\n");
}

}  // namespace hocket::trust
