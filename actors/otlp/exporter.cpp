#include "actors/otlp/exporter.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/http/digest.hpp"
#include "actors/http/fetch.hpp"
#include "actors/http/message.hpp"
#include "actors/http/url.hpp"
#include "graph/core/clock.hpp"
#include "graph/trust/loopback.hpp"

namespace hocket::otlp {
namespace {

/// Spans of one request: some hundred KiB.
constexpr std::size_t request_spans = 256;

std::int64_t unix_zero_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
             .count() -
         monotonic_ns();
}

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

/// Where requests go. Errors: otlp.bad_address.
result<std::string> traces_url(const export_options& o) {
  const auto at = http::read_url(o.url);
  if (!at) return fail("otlp.bad_address", "--otlp: " + at.error().message);
  const bool fits = at->scheme == "https" ||
                    (at->scheme == "http" && (o.plain || trust::is_loopback_host(at->host)));
  if (!fits)
    return fail("otlp.bad_address",
                fmt::format("--otlp {}: it must be https://, or http:// of this machine; "
                            "--otlp-plain lets traces go to others in plain text",
                            at->without_query()));
  if (!at->query.empty())
    return fail("otlp.bad_address",
                "--otlp: the address of a collector has no `?`; what it asks "
                "for goes into OTEL_EXPORTER_OTLP_HEADERS");
  auto out = at->without_query();
  while (out.ends_with('/')) out.pop_back();
  return out.ends_with("/v1/traces") ? out : out + "/v1/traces";
}

std::string trimmed(std::string s) {
  const auto first = s.find_first_not_of(' '), last = s.find_last_not_of(' ');
  return first == s.npos ? "" : s.substr(first, last - first + 1);
}

/// Errors: otlp.bad_headers; the text is not repeated: it may hold a secret.
result<std::vector<std::pair<std::string, std::string>>> read_headers(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    const auto one = text.substr(at, comma - at);
    at = comma + 1;
    if (trimmed(one).empty()) continue;
    const auto equals = std::min(one.find('='), one.size());
    const auto name = trimmed(one.substr(0, equals));
    // Values are percent-escaped, as in W3C Baggage: `Basic%20eDp5`.
    const auto value = http::percent_decode(trimmed(one.substr(std::min(equals + 1, one.size()))));
    const auto bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (equals == one.size() || name.empty() || !value || std::ranges::any_of(name, bad) ||
        std::ranges::any_of(*value, bad))
      return fail("otlp.bad_headers",
                  "the variable OTEL_EXPORTER_OTLP_HEADERS must read NAME=VALUE,NAME=VALUE, with "
                  "`%20` for a blank and `%25` for a `%`");
    out.emplace_back(name, *value);
  }
  return out;
}

/// How many spans a collector refused of a request that it took.
std::uint64_t refused_of(const std::string& body) {
  const auto j = nlohmann::json::parse(body, nullptr, false);
  if (!j.is_object() || !j.contains("partialSuccess") || !j["partialSuccess"].is_object()) return 0;
  const auto& n = j["partialSuccess"].value("rejectedSpans", nlohmann::json());
  if (n.is_number_unsigned()) return n.get<std::uint64_t>();
  return n.is_string() ? std::strtoull(n.get<std::string>().c_str(), nullptr, 10) : 0;
}

}  // namespace

result<std::unique_ptr<exporter>> exporter::start(export_options o, const trust::capability& may,
                                                  const plan& graph) {
  auto url = traces_url(o);
  if (!url) return fail(url);
  HOCKET_TRY(may.address(*url));
  auto headers = read_headers(o.headers);
  if (!headers) return fail(headers);
  if (o.who.run.empty()) o.who.run = http::random_token(8);
  std::unique_ptr<exporter> made(new exporter(std::move(o), graph));
  made->url_ = std::move(*url);
  made->headers_ = std::move(*headers);
  made->outbox_ = std::make_unique<webhook::outbox>(
      webhook::outbox_limits{},
      [self = made.get()](const webhook::delivery& d) { return self->post(d); });
  made->thread_ = std::thread([self = made.get()] { self->work(); });
  return made;
}

exporter::exporter(export_options o, const plan& graph)
    : options_(std::move(o)),
      unix_zero_ns_(unix_zero_ns()),
      maker_(random_seed(), options_.who.host, options_.every),
      names_(plan_names::of(graph)) {}

exporter::~exporter() { (void)finish(); }

void exporter::called(const plan& graph, const host::call_record& r) {
  if (r.inputs.empty()) return;
  std::vector<span> spans;
  maker_.append(spans, graph, r);
  add(std::move(spans));
}

void exporter::packet_emitted(const plan& graph, actor_index actor, std::size_t port,
                              const packet& p) {
  if (p.header.way.count != 1) return;
  std::vector<span> spans;
  maker_.append(spans, graph, actor, port, p);
  add(std::move(spans));
}

void exporter::rewired(const host::graph_revision& r) {
  auto names = plan_names::of(r.graph);
  const std::lock_guard lock(mutex_);
  names_ = std::move(names);
}

void exporter::add(std::vector<span> spans) {
  if (spans.empty()) return;
  const std::lock_guard lock(mutex_);
  if (over_) return;
  for (auto& s : spans) {
    if (s.actor >= names_->actors.size()) continue;  // it stands for another host
    ++taken_;
    if (waiting_.size() >= options_.waiting_max) continue;
    s.names = names_;
    waiting_.push_back(std::move(s));
  }
  if (waiting_.size() >= request_spans) wake_.notify_one();
}

void exporter::work() {
  std::unique_lock lock(mutex_);
  while (!over_ || !waiting_.empty()) {
    wake_.wait_for(lock, std::chrono::milliseconds(500),
                   [&] { return over_ || waiting_.size() >= request_spans; });
    const auto n = std::min(waiting_.size(), request_spans);
    if (n == 0) continue;
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(n);
    std::vector<span> batch(std::make_move_iterator(waiting_.begin()),
                            std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    lock.unlock();
    // Without room for it these are lost; the figures know how many arrived.
    (void)outbox_->put(
        {.body = request_json(options_.who, batch, unix_zero_ns_), .name = fmt::to_string(n)});
    lock.lock();
  }
}

webhook::answer exporter::post(const webhook::delivery& d) {
  http::fetch_request r;
  r.method = "POST";
  r.url = url_;
  r.body = d.body;
  r.headers = {{"Content-Type", "application/json"}, {"User-Agent", "hocket"}};
  for (const auto& [name, value] : headers_) r.headers.emplace_back(name, value);
  r.total_ms = options_.time_limit_ms;
  r.connect_ms = std::min(r.total_ms, 2000);
  r.body_bytes = 64 << 10;
  r.cancelled = &stopping_;
  const auto got = http::fetch(r);
  if (!got) {
    note_trouble(fmt::format("{} does not answer ({})", url_, got.error().code));
    return {webhook::fate::again, 0};
  }
  const auto status = got->status;
  if (status >= 200 && status < 300) {
    const auto spans = std::strtoull(d.name.c_str(), nullptr, 10);
    const auto refused = std::min<std::uint64_t>(refused_of(got->body), spans);
    delivered_ += spans - refused;
    if (refused > 0) note_trouble(fmt::format("{} refuses some spans", url_));
    return {webhook::fate::delivered, status};
  }
  note_trouble(fmt::format("{} answers with status {}", url_, status));
  // As the specification of OTLP/HTTP has it.
  const bool later = status == 429 || (status >= 502 && status <= 504);
  return {later ? webhook::fate::again : webhook::fate::refused, status};
}

void exporter::note_trouble(std::string why) {
  const std::lock_guard lock(mutex_);
  if (trouble_.empty()) trouble_ = std::move(why);
}

std::string exporter::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

exporter::figures exporter::finish() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (outbox_) {
    outbox_->wait(options_.end_ms);
    stopping_ = true;
    outbox_->end();
    outbox_.reset();
  }
  return {delivered_, taken_ - delivered_};
}

}  // namespace hocket::otlp
