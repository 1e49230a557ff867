#include "tools/hocket/eval/served_gateway.hpp"

#include <chrono>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "actors/gateway/json.hpp"
#include "actors/gateway/sound.hpp"
#include "actors/http/fetch.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int chunk_ms = 20, rate_hz = 16'000;
constexpr std::int64_t burst_ms = 1'000, cycle_ms = 2'000;
constexpr std::int64_t stalled_ms = 200;  ///< who was kept from speaking for so long leaves it out
constexpr float heard_level = 0.02f;      ///< the bursts have 0.18 and more

/// Noise that rises and falls like syllables, so that it passes for a voice; the same each time.
std::vector<std::vector<float>> noises(double loud) {
  std::vector<std::vector<float>> out;
  std::uint32_t state = 1;
  for (std::int64_t at = 0; at < burst_ms; at += chunk_ms) {
    std::vector<float> samples;
    for (int i = 0; i < rate_hz * chunk_ms / 1000; ++i) {
      state = state * 1664525u + 1013904223u;
      const double noise = static_cast<double>(state >> 16) / 32768.0 - 1;
      const double t = static_cast<double>(at) / 1000 + static_cast<double>(i) / rate_hz;
      samples.push_back(
          static_cast<float>(loud * 20'000 / 32'768 * noise * (0.6 + 0.4 * std::sin(25 * t))));
    }
    out.push_back(std::move(samples));
  }
  return out;
}

/// The same as messages.
std::vector<std::string> chunks(double loud) {
  std::vector<std::string> out;
  for (const auto& piece : noises(loud)) {
    std::string bytes;
    for (const float s : piece) {
      const auto v = static_cast<int>(s * 32'768);
      bytes += static_cast<char>(v & 255);
      bytes += static_cast<char>((v >> 8) & 255);
    }
    out.push_back(R"({"type":"sound","audio":")" + gateway::encode_base64(bytes) + "\"}");
  }
  return out;
}

}  // namespace

std::int64_t bench_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// --- the server -----------------------------------------------------------------------------------

result<std::unique_ptr<served_gateway>> served_gateway::start(
    const std::string& graph, const std::string& folder, const std::vector<std::string>& options) {
  std::error_code ignored;
  const auto url_file = fs::path(folder) / "gateway.url", log = fs::path(folder) / "serve.txt";
  fs::remove(url_file, ignored);
  std::vector<std::string> words = {"serve",   graph,   "--listen", "tcp://127.0.0.1:0",
                                    "--plain", "--out", folder};
  words.insert(words.end(), options.begin(), options.end());
  auto out = std::make_unique<served_gateway>();
  auto program = served_program::start(std::move(words), log.string());
  if (!program) return fail(program);
  out->program_ = std::move(*program);
  for (int i = 0; i < 1'200; ++i) {
    const auto url = text_of_file(url_file.string());
    if (url.ends_with('\n')) {
      out->url_ = "ws" + url.substr(url.find(':'), url.size() - 1 - url.find(':'));
      return out;
    }
    if (!out->program_->is_alive()) break;
    std::this_thread::sleep_for(50ms);
  }
  const auto said = out->program_->said();
  return fail("bench.no_server", "the gateway does not serve: " +
                                     said.substr(said.size() > 500 ? said.size() - 500 : 0));
}

// --- a client -------------------------------------------------------------------------------------

talking_client::talking_client(http::websocket_client& by, const std::string& url, bool starts,
                               answers with)
    : starts_(starts), with_(with), asked_at_ns_(bench_now_ns()) {
  http::websocket_target to;
  to.url = url + "/v1/hocket";
  to.connect_ms = 30'000;
  to.limits.message_bytes = 4 << 20;
  by.connect(to, [this](result<std::shared_ptr<http::websocket>> s) {
    http::websocket_events e;
    if (!s) {
      refuse(s.error().message);
      return e;
    }
    take_up(*s);
    e.message = [this](std::string_view m, bool) { take(m); };
    e.closed = [this](int code, const std::string& why) { ended(code, why); };
    return e;
  });
}

talking_client::talking_client(gateway::webrtc::exchange& by, const std::string& url, answers with)
    : starts_(true), with_(with), asked_at_ns_(bench_now_ns()) {
  gateway::webrtc::call_events e;
  e.message = [this](std::string_view m, bool) { take(m); };
  e.closed = [this](int code, const std::string& why) { ended(code, why); };
  e.sound = [this](std::vector<float> samples) {
    const std::lock_guard lock(mutex_);
    if (with_ == answers::echo) on_voice(static_cast<double>(bench_now_ns()) / 1e6, samples);
  };
  e.open = [this] { take_up(call_); };
  by.offer("hocket", std::move(e), [this, url](result<gateway::webrtc::exchange::set_up> s) {
    if (s)
      ring(*s, url);
    else
      refuse("no offer could be made: " + s.error().message);
  });
}

void talking_client::refuse(std::string why) {
  const std::lock_guard lock(mutex_);
  why_ = std::move(why);
  refused_ = true;
}

void talking_client::ended(int code, const std::string& why) {
  open_ = false;
  if (hello_at_ns_ == 0) refuse(fmt::format("it ended before it began: {} {}", code, why));
}

std::string talking_client::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

void talking_client::take_up(std::shared_ptr<http::websocket> socket) {
  {
    const std::lock_guard lock(mutex_);
    socket_ = socket;
  }
  if (starts_) socket->send(R"({"type":"start"})");
  open_ = true;
}

/// On the exchange's worker, which may wait.
void talking_client::ring(const gateway::webrtc::exchange::set_up& ours, const std::string& url) {
  {
    const std::lock_guard lock(mutex_);
    call_ = ours.call;
  }
  http::fetch_request r;
  r.method = "POST";
  r.url = "http" + url.substr(2) + "/v1/hocket/calls";
  r.headers = {{"Content-Type", "application/sdp"}};
  r.body = ours.sdp;
  const auto answer = http::fetch(r);
  if (!answer) return refuse("the gateway does not answer: " + answer.error().message);
  if (answer->status != 201)
    return refuse(fmt::format("the gateway answers {}: {}", answer->status, answer->body));
  const auto read = gateway::webrtc::read_description(answer->body);
  if (!read) return refuse("its answer is none: " + read.error().message);
  if (const auto done = ours.call->accept(*read); !done)
    refuse("its answer is not taken: " + done.error().message);
}

void talking_client::take(std::string_view message) {
  const auto e = gateway::parse_object(message);
  if (!e) return;
  const auto now_ms = static_cast<double>(bench_now_ns()) / 1e6;
  const auto at_ms = gateway::number_of(*e, "at_ms", 0, 0, 1e12);
  const std::lock_guard lock(mutex_);
  if (!has_offset_ || now_ms - at_ms < offset_ms_) offset_ms_ = now_ms - at_ms;
  has_offset_ = true;
  const auto type = gateway::text_of(*e, "type");
  if (type == "hello") hello_at_ns_ = bench_now_ns();
  if (type == "turn" && with_ == answers::model)
    on_turn(now_ms, {at_ms, gateway::number_of(*e, "start_ms", 0, -1e12, 1e12),
                     gateway::number_of(*e, "compute_ms", 0, 0, 1e6),
                     gateway::number_of(*e, "person", 0, 0, 1)});
  if (type != "voice" || with_ != answers::echo) return;
  const auto bytes = gateway::decode_base64(gateway::text_of(*e, "audio")).value_or("");
  std::vector<float> samples(bytes.size() / 2);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<float>(
                     static_cast<std::int16_t>(static_cast<unsigned char>(bytes[2 * i]) |
                                               static_cast<unsigned char>(bytes[2 * i + 1]) << 8)) /
                 32'768;
  on_voice(now_ms, samples);
}

/// The first micro-turn whose model heard the burst. It cannot be told before that micro-turn has ended.
void talking_client::on_turn(double at_ms, const turn& t) {
  if (burst_at_ms_ < 0 || t.level < 0.2) return;
  const auto said_ms = burst_at_ms_ - offset_ms_;
  if (t.over_ms <= said_ms) return;  // of a burst before this one
  heard_.push_back({at_ms - burst_at_ms_, t.over_ms - said_ms, t.left_ms - t.over_ms - t.compute_ms,
                    t.compute_ms, at_ms - offset_ms_ - t.left_ms});
  burst_at_ms_ = -1;
}

/// A burst ends a second before the next one begins: what is loud is the one that is waited for.
void talking_client::on_voice(double at_ms, std::span<const float> samples) {
  if (burst_at_ms_ < 0) return;
  const auto loud =
      std::ranges::find_if(samples, [](float s) { return std::abs(s) > heard_level; });
  if (loud == samples.end()) return;
  const auto before = static_cast<double>(loud - samples.begin()) * 1000 / rate_hz;
  heard_.push_back({at_ms + before - burst_at_ms_});
  burst_at_ms_ = -1;
}

void talking_client::speak(std::int64_t now_ms, std::int64_t phase_ms) {
  if (!open_ || hello_at_ns_ == 0) return;
  static const auto loud = chunks(0.3), quiet = chunks(0);
  static const auto loud_sound = noises(0.3), quiet_sound = noises(0);
  const std::lock_guard lock(mutex_);
  // Said at once, it would wait behind itself and be heard late for as long as nobody is silent.
  if (sent_ms_ >= 0 && now_ms - sent_ms_ > stalled_ms) {
    sent_ms_ = now_ms - now_ms % chunk_ms;
    burst_at_ms_ = -1;
  }
  if (sent_ms_ < 0) sent_ms_ = now_ms - now_ms % chunk_ms;
  while (sent_ms_ + chunk_ms <= now_ms) {
    const auto at = (sent_ms_ + phase_ms) % cycle_ms;
    const auto n = static_cast<std::size_t>(at % burst_ms / chunk_ms);
    const bool is_loud = at < burst_ms;
    if (is_loud && n == 0) {
      ++bursts_;
      burst_at_ms_ = static_cast<double>(sent_ms_);
    }
    if (at >= burst_ms && n == 0) burst_at_ms_ = -1;  // nobody heard that one
    if (call_)
      call_->play((is_loud ? loud_sound : quiet_sound)[n]);
    else
      socket_->send((is_loud ? loud : quiet)[n]);
    sent_ms_ += chunk_ms;
  }
}

void talking_client::stop_reading() {
  const std::lock_guard lock(mutex_);
  if (socket_) socket_->pause_reading(true);
}

void talking_client::close() {
  const std::lock_guard lock(mutex_);
  if (socket_) socket_->close(1000, "");
}

bool talking_client::waits_to_be_heard() const {
  const std::lock_guard lock(mutex_);
  return burst_at_ms_ >= 0;
}

std::vector<talking_client::heard_burst> talking_client::take_heard() {
  const std::lock_guard lock(mutex_);
  return std::exchange(heard_, {});
}

}  // namespace hocket::cli
