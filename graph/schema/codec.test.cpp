#include "graph/schema/codec.hpp"

#include <doctest/doctest.h>
#include <array>
#include <random>
#include <string>

#include "graph/contract/port.hpp"
#include "graph/schema/recorded.hpp"

using namespace std::string_literals;

namespace hocket::wire {
namespace {

/// Packets of every kind with any content that fits it.
class maker {
 public:
  explicit maker(unsigned seed) : random_(seed) {}

  packet make(int kind) {
    packet p;
    p.body = std::make_shared<const payload>(content(kind));
    auto& h = p.header;
    h.session = static_cast<session_id>(any());
    h.stream = static_cast<std::uint32_t>(any());
    h.seq = any();
    const auto time = [&] { return static_cast<std::int64_t>(any()) / 8; };
    h.ts = timestamp(time());
    h.micro_turn = static_cast<std::int64_t>(any());
    h.epoch = static_cast<epoch_number>(any());
    h.origin_ts = timestamp(time());
    h.origin_ns = time();
    for (auto n = below(12); n > 0; --n)
      h.way.push({static_cast<actor_index>(any()), time(), time(), time()});
    return p;
  }

  payload content(int kind) {
    switch (static_cast<payload_kind>(kind)) {
      case payload_kind::audio: {
        const auto channels = static_cast<std::int32_t>(1 + below(4));
        return audio_chunk{static_cast<std::int32_t>(1 + below(192000)), channels,
                           static_cast<std::int64_t>(any()) / (std::int64_t{1} << 34),
                           sound(static_cast<std::size_t>(channels) * below(100))};
      }
      case payload_kind::video: {
        const auto w = static_cast<std::int32_t>(1 + below(30));
        const auto h = static_cast<std::int32_t>(1 + below(30));
        return video_frame{w, h, bytes(static_cast<std::size_t>(3 * w * h))};
      }
      case payload_kind::tensor: return numbers();
      case payload_kind::text: return text{words(), words(), any(), below(2) == 0};
      case payload_kind::tool_call: return tool_call{any(), any(), words(), words()};
      case payload_kind::tool_result:
        return tool_result{any(), any(), words(), static_cast<outcome>(below(5)), words()};
      case payload_kind::delegation:
        return delegation{
            any(),   static_cast<delegation::action>(below(2)), words(),
            words(), static_cast<std::int64_t>(any()),          static_cast<std::int64_t>(any()),
            any()};
      case payload_kind::training_example: {
        training_example e;
        for (auto n = below(5); n > 0; --n) e.tensors.emplace_back(words(), numbers());
        e.provenance = words();
        return e;
      }
      case payload_kind::adapter: return adapter{words(), words(), bytes(below(500))};
      case payload_kind::control:
        return control{static_cast<control::kind>(below(7)), words(),
                       static_cast<std::int64_t>(any())};
    }
    return control{};
  }

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

 private:
  std::uint64_t any() { return below(3) == 0 ? below(3) : random_(); }

  tensor numbers() {
    tensor t;
    t.type = static_cast<dtype>(below(7));
    std::size_t n = size_bytes(t.type);
    for (auto rank = below(4); rank > 0; --rank) {
      t.shape.push_back(static_cast<std::int64_t>(below(7)));
      n *= static_cast<std::size_t>(t.shape.back());
    }
    t.data = bytes(n);
    return t;
  }

  buffer sound(std::size_t n) {
    std::vector<float> v(n);
    for (auto& x : v) x = static_cast<float>(static_cast<int>(below(2001)) - 1000) / 1000;
    return buffer::take(std::move(v));
  }

  buffer bytes(std::size_t n) {
    std::vector<std::uint8_t> v(n);
    for (auto& b : v) b = static_cast<std::uint8_t>(random_());
    return buffer::take(std::move(v));
  }

  std::string words() {
    static const std::string parts[] = {"", "a", "ünï", "\n\"", "漢字", "🎶"};
    std::string out;
    for (auto n = below(6); n > 0; --n) out += parts[below(6)];
    return out;
  }

  std::mt19937_64 random_;
};

bool same(const buffer& a, const buffer& b) {
  return a.size_bytes() == b.size_bytes() &&
         (a.empty() || std::memcmp(a.bytes().data(), b.bytes().data(), a.size_bytes()) == 0);
}
bool same(const tensor& a, const tensor& b) {
  return a.type == b.type && a.shape == b.shape && same(a.data, b.data);
}

struct equal_to {
  const payload& other;
  template <class T>
  const T& as() const {
    return std::get<T>(other);
  }
  bool operator()(const audio_chunk& v) const {
    const auto& o = as<audio_chunk>();
    return v.rate_hz == o.rate_hz && v.channels == o.channels && v.first_sample == o.first_sample &&
           same(v.samples, o.samples);
  }
  bool operator()(const video_frame& v) const {
    const auto& o = as<video_frame>();
    return v.width == o.width && v.height == o.height && same(v.pixels, o.pixels);
  }
  bool operator()(const tensor& v) const { return same(v, as<tensor>()); }
  bool operator()(const text& v) const {
    const auto& o = as<text>();
    return v.value == o.value && v.role == o.role && v.request == o.request && v.final == o.final;
  }
  bool operator()(const tool_call& v) const {
    const auto& o = as<tool_call>();
    return v.call == o.call && v.request == o.request && v.tool == o.tool &&
           v.arguments_json == o.arguments_json;
  }
  bool operator()(const tool_result& v) const {
    const auto& o = as<tool_result>();
    return v.call == o.call && v.request == o.request && v.tool == o.tool && v.status == o.status &&
           v.content == o.content;
  }
  bool operator()(const delegation& v) const {
    const auto& o = as<delegation>();
    return v.request == o.request && v.what == o.what && v.task == o.task &&
           v.transcript == o.transcript && v.from_micro_turn == o.from_micro_turn &&
           v.to_micro_turn == o.to_micro_turn && v.supersedes == o.supersedes;
  }
  bool operator()(const training_example& v) const {
    const auto& o = as<training_example>();
    bool all = v.provenance == o.provenance && v.tensors.size() == o.tensors.size();
    for (std::size_t i = 0; all && i < v.tensors.size(); ++i)
      all = v.tensors[i].first == o.tensors[i].first &&
            same(v.tensors[i].second, o.tensors[i].second);
    return all;
  }
  bool operator()(const adapter& v) const {
    const auto& o = as<adapter>();
    return v.name == o.name && v.card_json == o.card_json && same(v.weights, o.weights);
  }
  bool operator()(const control& v) const {
    const auto& o = as<control>();
    return v.what == o.what && v.detail == o.detail && v.value == o.value;
  }
};

bool same_header(const packet_header& a, const packet_header& b) {
  bool way = a.way.count == b.way.count;
  for (std::size_t i = 0; way && i < a.way.count; ++i) {
    const auto &x = a.way.hops[i], &y = b.way.hops[i];
    way = x.actor == y.actor && x.queued_ns == y.queued_ns && x.started_ns == y.started_ns &&
          x.emitted_ns == y.emitted_ns;
  }
  return way && a.session == b.session && a.stream == b.stream && a.seq == b.seq && a.ts == b.ts &&
         a.micro_turn == b.micro_turn && a.epoch == b.epoch && a.origin_ts == b.origin_ts &&
         a.origin_ns == b.origin_ns;
}

std::span<const std::byte> bytes_of(const std::string& s) { return std::as_bytes(std::span(s)); }

std::string code(const result<packet>& r) { return r ? "" : r.error().code; }

}  // namespace

TEST_CASE("codec: every packet comes back as it was, and no bulk byte was copied") {
  maker make(1);
  const auto copies = buffer::copies_made();
  for (int round = 0; round < 4000; ++round) {
    const auto p = make.make(round % payload_kind_count);
    CAPTURE(to_string(p.kind()));
    const auto sent = encode(p);
    REQUIRE(sent);
    const auto back = decode(bytes_of(sent->head), sent->bulk);
    REQUIRE_MESSAGE(back, back.error().message);
    REQUIRE(back->kind() == p.kind());
    REQUIRE(same_header(p.header, back->header));
    REQUIRE(std::visit(equal_to{*back->body}, *p.body));
  }
  CHECK(buffer::copies_made() == copies);
}

TEST_CASE("codec: texts of others are clean where they come in, off the wire and out of a file") {
  const std::string bad = "a\x1b[31mb\x1b]0;title\x07\x01\0c\r\nd"s, good = "abc\nd";
  const auto here = [&](payload sent, auto text_of) {
    const auto p = make_packet(timestamp(), std::move(sent));
    const auto wire = encode(p).value();
    CHECK(text_of(decode(bytes_of(wire.head), wire.bulk).value()) == good);
    std::string bytes;
    REQUIRE(append_recorded(p, bytes));
    CHECK(text_of(read_recorded(buffer::copy_of(bytes_of(bytes))).value()) == good);
  };
  here(text{bad, "user"}, [](const packet& p) { return p.get_if<text>()->value; });
  here(tool_result{1, 1, "t", outcome::ok, bad},
       [](const packet& p) { return p.get_if<tool_result>()->content; });
  here(tool_call{1, 1, "t", bad},
       [](const packet& p) { return p.get_if<tool_call>()->arguments_json; });
  here(delegation{1, delegation::action::start, bad, "", 0, 0, 0},
       [](const packet& p) { return p.get_if<delegation>()->task; });
}

TEST_CASE("codec: bulk is shared on both ways") {
  audio_chunk chunk{16000, 1, 0, buffer::take(std::vector<float>(1 << 20, 0.5f))};
  const auto sent = encode(make_packet(timestamp(), chunk)).value();
  REQUIRE(sent.bulk.size() == 1);
  CHECK(sent.bulk[0].identity() == chunk.samples.identity());
  CHECK(sent.head.size() < 64);
  const auto back = decode(bytes_of(sent.head), sent.bulk).value();
  CHECK(back.get_if<audio_chunk>()->samples.identity() == chunk.samples.identity());
}

TEST_CASE("codec: a frame that is not aligned for its elements is copied once") {
  const auto sent =
      encode(make_packet(timestamp(),
                         audio_chunk{16000, 1, 0, buffer::take(std::vector<float>{1, 2})}))
          .value();
  const auto odd = buffer::take(std::vector<std::uint8_t>(9, 7)).slice(1, 8);
  const auto copies = buffer::copies_made();
  const auto back = decode(bytes_of(sent.head), std::vector{odd}).value();
  CHECK(buffer::copies_made() == copies + 1);
  CHECK(same(back.get_if<audio_chunk>()->samples, odd));
}

TEST_CASE("recorded: every kind of packet comes back out of one message") {
  maker make(5);
  for (int round = 0; round < 2000; ++round) {
    const auto p = make.make(round % payload_kind_count);
    std::string bytes = "before";
    if (!append_recorded(p, bytes)) {
      CHECK(bytes == "before");
      continue;
    }
    const auto back = read_recorded(buffer::copy_of(bytes_of(bytes).subspan(6)));
    REQUIRE(back);
    const auto one = encode(p).value(), two = encode(*back).value();
    CHECK(one.head == two.head);
    REQUIRE(one.bulk.size() == two.bulk.size());
    for (std::size_t i = 0; i < one.bulk.size(); ++i) CHECK(same(one.bulk[i], two.bulk[i]));
    for (auto cut = bytes.size() - 6; cut-- > 0 && round < 20;)
      (void)read_recorded(buffer::copy_of(bytes_of(bytes).subspan(6, cut)));
  }
  CHECK(code(read_recorded({})) == "codec.malformed");
  CHECK(recorded_descriptors().find(".hocket.wire.Packet") != std::string::npos);
}

TEST_CASE("codec: what a peer may not do") {
  const auto p =
      make_packet(timestamp(), tensor{dtype::f32, {2, 3}, buffer::take(std::vector<float>(6))});
  const auto sent = encode(p).value();
  const auto head = bytes_of(sent.head);
  CHECK(code(decode(head, {})) == "codec.bad_bulk");
  CHECK(code(decode(head, std::vector{sent.bulk[0].slice(0, 23)})) == "codec.bad_bulk");
  CHECK(code(decode(head.subspan(0, head.size() - 3), sent.bulk)) == "codec.malformed");
  CHECK(code(decode({}, {})) == "codec.malformed");
  CHECK(code(decode(head, sent.bulk, {.head_bytes = 10})) == "codec.too_large");
  CHECK(code(decode(head, sent.bulk, {.bulk_bytes = 23})) == "codec.too_large");
  CHECK(code(decode(head, sent.bulk, {.bulk_frames = 0})) == "codec.too_large");
  // Field 1 (an empty header) and field 100 (a body of the future).
  const std::string future("\x0a\x00\xa2\x06\x00", 5);
  CHECK(code(decode(bytes_of(future), {})) == "codec.unknown_payload");
  // An audio body (field 2) without rate.
  const std::string silent("\x0a\x00\x12\x00", 4);
  CHECK(code(decode(bytes_of(silent), {})) == "codec.bad_value");
}

TEST_CASE("codec: times that are none are refused, wherever they stand") {
  const std::array<void (*)(packet_header&, std::int64_t), 6> places{
      [](packet_header& h, std::int64_t t) { h.ts = timestamp(t); },
      [](packet_header& h, std::int64_t t) { h.origin_ts = timestamp(t); },
      [](packet_header& h, std::int64_t t) { h.origin_ns = t; },
      [](packet_header& h, std::int64_t t) {
        h.way.push({1, t, 0, 0});
      },
      [](packet_header& h, std::int64_t t) {
        h.way.push({1, 0, t, 0});
      },
      [](packet_header& h, std::int64_t t) {
        h.way.push({1, 0, 0, t});
      }};
  for (const auto place : places)
    for (const auto t : {INT64_MAX, INT64_MIN, INT64_MAX / 4, -(INT64_MAX / 4), INT64_MAX / 6}) {
      auto p = make_packet(timestamp(), text{"a", ""});
      place(p.header, t);
      const auto sent = encode(p);
      REQUIRE(sent);
      const auto got = decode(bytes_of(sent->head), sent->bulk);
      CHECK(got.has_value() == (t == INT64_MAX / 6));
      if (!got) CHECK(got.error().code == "codec.bad_value");
    }
}

TEST_CASE("codec: what cannot be sent") {
  CHECK(encode(make_packet(timestamp(), text{"\xff", ""})).error().code == "codec.bad_value");
  CHECK(encode(make_packet(timestamp(), tensor{dtype::f32, {2}, {}})).error().code ==
        "codec.bad_value");
  for (const auto index : {INT64_MAX, INT64_MIN}) {
    const audio_chunk never{16000, 1, index, buffer::take(std::vector<float>{1})};
    CHECK(encode(make_packet(timestamp(), never)).error().code == "codec.bad_value");
  }
  CHECK(encode(make_packet(timestamp(), text{std::string(2'000'000, 'a'), ""})).error().code ==
        "codec.too_large");
}

TEST_CASE("codec: damaged bytes give an error or a packet, never harm") {
  maker make(2);
  for (int round = 0; round < 20000; ++round) {
    auto sent = encode(make.make(round % payload_kind_count)).value();
    for (auto n = 1 + make.below(4); n > 0 && !sent.head.empty(); --n)
      sent.head[make.below(sent.head.size())] ^= static_cast<char>(1 << make.below(8));
    const auto back = decode(bytes_of(sent.head), sent.bulk);
    if (back) CHECK(why_unfit({.kind = back->kind()}, *back->body).empty());
  }
}

TEST_CASE("is_utf8") {
  for (const auto* good : {"", "a", "ü", "漢", "🎶", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"})
    CHECK(is_utf8(good));
  for (const auto* bad : {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                          "\xe0\x80\x80", "\xf0\x80\x80\x80", "a\xe6\xbc"})
    CHECK(!is_utf8(bad));
}

TEST_CASE("schema_hash names the definitions") { CHECK(schema_hash().size() == 16); }

}  // namespace hocket::wire
