#include <map>
#include <memory>

#include "actors/record/mcap_writer.hpp"
#include "actors/record/recording.hpp"
#include "graph/core/assert.hpp"
#include "graph/schema/recorded.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the bytes of a recording.
namespace hocket::fuzz {
namespace {

/// A file in memory.
class text_sink final : public record::byte_sink {
 public:
  explicit text_sink(std::shared_ptr<std::string> to) : to_(std::move(to)) {}
  result<void> append(std::string_view bytes) override {
    *to_ += bytes;
    return {};
  }

 private:
  std::shared_ptr<std::string> to_;
};

constexpr record::mcap_limits limits = {
    .record_bytes = 1 << 20, .chunks = 1000, .definitions = 1000};

void run(std::span<const std::uint8_t> bytes) {
  const std::string text(bytes.begin(), bytes.end());
  const auto opened = record::recording::open(record::memory_source(text), limits);
  if (opened)
    for (const auto& o : (*opened)->outputs())
      for (const auto& i : o.items) HOCKET_ASSERT((*opened)->read(i).has_value());
  // What can be saved of it is a whole file, and saving that changes nothing more.
  const auto saved = std::make_shared<std::string>();
  auto to = record::mcap_writer::create(std::make_unique<text_sink>(saved), {"", "", false, 4096});
  const auto done = record::recover_into(*record::memory_source(text), **to, {}, limits);
  if (!done || !(*to)->close()) return;
  const auto again = record::read_contents(*record::memory_source(*saved), limits);
  HOCKET_ASSERT(again && again->closed);
  std::uint64_t messages = 0;
  for (const auto& place : again->chunks) {
    const auto chunk = record::read_chunk(*record::memory_source(*saved), place, limits);
    HOCKET_ASSERT(chunk.has_value());
    HOCKET_ASSERT(
        record::each_message(*chunk, nullptr, [&](const record::mcap_message&, std::uint64_t) {
          ++messages;
          return result<void>{};
        }).has_value());
  }
  HOCKET_ASSERT(messages == done->messages);
}

// Small, so that damage hits every part of it: the real schema alone has 7 kB.
std::string recorded(bool compress, int packets) {
  const auto bytes = std::make_shared<std::string>();
  auto w = record::mcap_writer::create(std::make_unique<text_sink>(bytes), {"", "", compress, 400})
               .value();
  (void)w->add_metadata("hocket.recording", {{"graph_name", "seed"}, {"clock", "virtual"}});
  (void)w->attach("graph.yaml", "application/yaml", "hocket: 1\nname: seed\n", 0);
  (void)w->add(record::mcap_schema{1, std::string(wire::recorded_name), "protobuf", "d"});
  (void)w->add(record::mcap_channel{0, 0, "hocket.events", "json", {}});
  (void)w->add(record::mcap_channel{1, 1, "a.b", "protobuf", {{"media", "text"}}});
  const std::string event = R"({"actor": "a", "what": "opened", "detail": ""})";
  (void)w->write({0, 0, 0, 0, buffer::copy_of(std::as_bytes(std::span(event)))});
  for (int i = 0; i < packets; ++i) {
    auto p = make_packet(timestamp::of_ms(20 * i), text{"word " + std::to_string(i), "user"});
    p.header.seq = static_cast<std::uint64_t>(i);
    std::string coded;
    HOCKET_ASSERT(wire::append_recorded(p, coded).has_value());
    const auto at_ns = static_cast<std::uint64_t>(20'000'000) * static_cast<std::uint64_t>(i);
    (void)w->write({1, static_cast<std::uint32_t>(i), at_ns, at_ns,
                    buffer::copy_of(std::as_bytes(std::span(coded)))});
  }
  (void)w->add_metadata("hocket.verdict", {{"complete", "true"}, {"lost", "0"}, {"why", ""}});
  HOCKET_ASSERT(w->close().has_value());
  return *bytes;
}

std::vector<std::string> seeds() {
  auto torn = recorded(false, 8);
  torn.resize(torn.size() * 2 / 3);
  return {recorded(false, 3), recorded(true, 20), recorded(false, 0), torn};
}

}  // namespace

extern const target mcap;
const target mcap = {"mcap", run, seeds};

}  // namespace hocket::fuzz
