#include "actors/capture/decoder_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "graph/core/clock.hpp"
#include "graph/text/clean.hpp"
#include "graph/trust/sandbox/sandbox.hpp"

namespace hocket::capture {
namespace {

namespace fs = std::filesystem;

constexpr const char* program = "/usr/bin/gst-launch-1.0";
constexpr std::size_t kept_words = 2000;
// Times of a file fill gaps with silence: one that claims years would be played as years.
constexpr std::int64_t max_silence_s = 3600;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Where this process's GStreamer keeps what it knows of its plugins; a child would look through all
/// of them again.
std::string registry_file() {
  if (const auto named = variable("GST_REGISTRY"); !named.empty()) return named;
  auto cache = variable("XDG_CACHE_HOME");
  if (cache.empty()) cache = variable("HOME") + "/.cache";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cache + "/gstreamer-1.0", ignored))
    if (entry.path().filename().string().starts_with("registry.")) return entry.path().string();
  return "";
}

/// As gst-launch reads a text between quotes: nothing in it ends them.
std::string quoted(const std::string& path) {
  std::string out = "\"";
  for (const char c : path) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// One decoder and what came of it.
class child {
 public:
  static result<std::unique_ptr<child>> start(const std::string& file, const std::string& media,
                                              const std::vector<std::string>& shape) {
    std::error_code failed;
    const auto path = fs::canonical(file, failed);
    if (failed) return fail("capture.cannot_open", failed.message());
    trust::sandbox_rules rules;
    rules.reads = {path.string()};
    rules.environment = {{"GST_REGISTRY_FORK", "no"}, {"PATH", "/usr/bin:/bin"}};
    if (const auto known = registry_file(); fs::exists(known, failed)) {
      rules.reads.push_back(known);
      rules.environment["GST_REGISTRY"] = known;
      rules.environment["GST_REGISTRY_UPDATE"] = "no";
    }
    trust::sandbox_command command{
        program,
        {"-q", "filesrc", "location=" + quoted(path.string()), "!", "decodebin",
         // What else the file holds is not decoded: a stream that nobody takes can hold up this one.
         "expose-all-streams=false", "caps=" + media + "(ANY)", "!"}};
    command.arguments.insert(command.arguments.end(), shape.begin(), shape.end());
    for (const char* word : {"!", "fdsink", "fd=1", "sync=false"})
      command.arguments.push_back(word);
    auto made = trust::spawn(command, rules);
    if (!made)
      return fail("capture.cannot_open",
                  "its decoder, which is to run confined: " + made.error().message);
    return std::unique_ptr<child>(
        new child(std::move(*made), media.substr(0, media.find('/') + 1)));
  }

  /// Waits for bytes; 0: none came in time, or it has ended.
  std::size_t read(char* to, std::size_t n, std::int64_t wait_ms) {
    if (ended_) return 0;
    pollfd on[2] = {{process_.out(), POLLIN, 0}, {heard_all_ ? -1 : process_.err(), POLLIN, 0}};
    const auto ready =
        ::poll(on, 2, static_cast<int>(std::clamp<std::int64_t>(wait_ms, 0, 60'000)));
    if (ready <= 0) return 0;
    if (on[1].revents != 0) hear();
    if (on[0].revents == 0) return 0;
    const auto got = ::read(process_.out(), to, n);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) return 0;
    end();
    return 0;
  }
  bool ended() const { return ended_; }
  /// Empty where it did its work.
  const std::string& fault() const { return fault_; }
  /// The file holds the other medium alone: the decoder lists all that it found and did not take.
  bool absent() const {
    const auto lists = [&](const char* what) { return words_.find(what) != words_.npos; };
    const bool sound = lists("(audio/"), pictures = lists("(video/") || lists("(image/");
    return lists("no suitable plugins found") &&
           (kind_ == "audio/" ? pictures && !sound : sound && !pictures);
  }

 private:
  child(trust::sandboxed p, std::string kind) : process_(std::move(p)), kind_(std::move(kind)) {
    process_.close_in();
    ::fcntl(process_.err(), F_SETFL, ::fcntl(process_.err(), F_GETFL) | O_NONBLOCK);
  }
  /// True where it said something.
  bool hear() {
    char block[2048];
    const auto n = ::read(process_.err(), block, sizeof block);
    if (n == 0) heard_all_ = true;
    if (n > 0 && words_.size() < kept_words) words_.append(block, static_cast<std::size_t>(n));
    return n > 0;
  }
  void end() {
    ended_ = true;
    const auto code = process_.wait(5000);
    if (!code) process_.kill();
    while (hear()) {
    }
    if (code && *code == 0 && words_.find("ERROR") == words_.npos) return;
    auto said = words_.substr(0, words_.find('\n'));
    fault_ = said.empty() ? fmt::format("its decoder ended with {}", code.value_or(-1))
                          : "its decoder: " + cut_text(clean_text(said), 300);
  }

  trust::sandboxed process_;
  std::string kind_;  ///< with which the names of its media begin
  std::string words_, fault_;
  bool ended_ = false, heard_all_ = false;
};

class confined final : public gst_source {
 public:
  explicit confined(options o) : o_(std::move(o)) {}

  result<void> open() {
    if (o_.audio) {
      auto made = child::start(
          o_.pipeline, "audio/x-raw",
          // Raw samples have no times: sound that begins late, or has gaps, comes with its silence.
          {"audioconvert", "!", "audioresample", "!",
           fmt::format("audio/x-raw,format=F32LE,layout=interleaved,channels=1,rate={}",
                       o_.rate_hz),
           "!", "audiorate"});
      if (!made) return fail(made);
      audio_ = std::move(*made);
    }
    if (o_.video) {
      auto made = child::start(
          o_.pipeline, "video/x-raw",
          {"videorate", fmt::format("max-duplication-time={}", max_silence_s * 1'000'000'000), "!",
           "videoscale", "!", "videoconvert", "!",
           fmt::format("video/x-raw,format=RGB,width={},height={},pixel-aspect-ratio=1/1,"
                       "framerate={}/1000",
                       o_.width, o_.height, static_cast<int>(o_.frames_per_s * 1000))});
      if (!made) return fail(made);
      video_ = std::move(*made);
      frame_.resize(stride() * static_cast<std::size_t>(o_.height));
    }
    // What is missing or broken is told at once: the first data, or why there are none.
    for (auto* c : {audio_.get(), video_.get()}) {
      if (c == nullptr) continue;
      for (int waited = 0; waited < 2 * o_.open_ms && ahead(c).empty() && !c->ended();
           waited += 50) {
        char block[4096];
        ahead(c).assign(block, c->read(block, sizeof block, 50));
      }
    }
    return first_fault();
  }

  bool live() const override { return false; }
  std::int64_t base_ns() const override { return 0; }
  std::optional<std::int64_t> begins_ns() const override { return 0; }
  bool audio_ended() const override {
    return !audio_ || (audio_->ended() && ahead_audio_.size() < sizeof(float));
  }
  bool video_ended() const override {
    return !video_ || (video_->ended() && ahead_video_.empty() && have_ < frame_.size());
  }

  result<std::optional<pulled_audio>> pull_audio(std::int64_t wait_ms) override {
    if (!audio_) return std::optional<pulled_audio>();
    if (ahead_audio_.size() < sizeof(float)) {
      char block[16 << 10];
      ahead_audio_.append(block, audio_->read(block, sizeof block, wait_ms));
    }
    const auto n = ahead_audio_.size() / sizeof(float);
    if (n == 0) return std::optional<pulled_audio>();
    pulled_audio out;
    out.pts_ns = timestamp::of_samples(samples_, o_.rate_hz).ns();
    out.samples.resize(n);
    std::memcpy(out.samples.data(), ahead_audio_.data(), n * sizeof(float));
    // Any bits may come: what is no number is silence.
    for (auto& v : out.samples) {
      if (!(v >= -4 && v <= 4)) v = 0;
      silent_ = v == 0 ? silent_ + 1 : 0;
    }
    if (silent_ > max_silence_s * o_.rate_hz)
      return fail("capture.device_lost", "more than an hour of silence: its times are wrong");
    ahead_audio_.erase(0, n * sizeof(float));
    samples_ += static_cast<std::int64_t>(n);
    return std::optional(std::move(out));
  }

  result<std::optional<pulled_video>> pull_video(std::int64_t wait_ms,
                                                 const make_room& room) override {
    if (!video_) return std::optional<pulled_video>();
    const auto taken = std::min(ahead_video_.size(), frame_.size() - have_);
    std::memcpy(frame_.data() + have_, ahead_video_.data(), taken);
    ahead_video_.erase(0, taken);
    have_ += taken;
    const auto until = monotonic_ns() + wait_ms * 1'000'000;
    do {
      if (have_ == frame_.size() || video_->ended()) break;
      const auto left = std::max<std::int64_t>(0, (until - monotonic_ns()) / 1'000'000);
      have_ += video_->read(frame_.data() + have_, frame_.size() - have_, left);
    } while (monotonic_ns() < until);
    if (have_ < frame_.size()) return std::optional<pulled_video>();
    const auto row = static_cast<std::size_t>(o_.width) * 3;
    pulled_video out{
        static_cast<std::int64_t>(static_cast<double>(frames_) * 1e9 / o_.frames_per_s), o_.width,
        o_.height, room(row * static_cast<std::size_t>(o_.height))};
    auto* const to = reinterpret_cast<char*>(out.pixels.bytes().data());
    for (std::int32_t y = 0; y < o_.height; ++y)
      std::memcpy(to + row * static_cast<std::size_t>(y),
                  frame_.data() + stride() * static_cast<std::size_t>(y), row);
    have_ = 0;
    ++frames_;
    return std::optional(std::move(out));
  }

  result<void> check() override {
    for (auto* c : {audio_.get(), video_.get()})
      if (c != nullptr && c->ended() && !c->fault().empty() && !(c->absent() && audio_ && video_) &&
          !std::exchange(told_, true))
        return fail("capture.device_lost", c->fault());
    return {};
  }

 private:
  // What came before a fault is played. Of two media one may be absent.
  result<void> first_fault() {
    const bool nothing = (!audio_ || ahead_audio_.empty()) && (!video_ || ahead_video_.empty());
    for (auto* c : {audio_.get(), video_.get()}) {
      if (c == nullptr || c->fault().empty() || !ahead(c).empty()) continue;
      if (!c->absent()) return fail("capture.cannot_open", c->fault());
      if (nothing && !(audio_ && video_))
        return fail("capture.cannot_open",
                    audio_ ? "it holds no sound; `media: video` takes its pictures"
                           : "it holds no pictures; `media: audio` takes its sound");
    }
    return {};
  }
  std::size_t stride() const { return (static_cast<std::size_t>(o_.width) * 3 + 3) / 4 * 4; }
  std::string& ahead(const child* c) { return c == audio_.get() ? ahead_audio_ : ahead_video_; }

  const options o_;
  std::unique_ptr<child> audio_, video_;
  std::string ahead_audio_, ahead_video_, frame_;
  std::size_t have_ = 0;  ///< of frame_
  std::int64_t samples_ = 0, frames_ = 0;
  std::int64_t silent_ = 0;  ///< samples without any sound, up to here
  bool told_ = false;
};

}  // namespace

result<std::unique_ptr<gst_source>> open_confined(const gst_source::options& o) {
  if (::access(program, X_OK) != 0)
    return fail("capture.cannot_open",
                fmt::format("{} is not there, which decodes files that are not the operator's own "
                            "(apt install gstreamer1.0-tools)",
                            program));
  auto made = std::make_unique<confined>(o);
  HOCKET_TRY(made->open());
  return made;
}

}  // namespace hocket::capture
