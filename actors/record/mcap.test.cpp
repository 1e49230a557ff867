#include <doctest/doctest.h>

#include <random>

#include "actors/record/mcap_reader.hpp"
#include "actors/record/mcap_writer.hpp"
#include "actors/record/memory_sink.test.hpp"

using namespace hocket;
using namespace hocket::record;
using hocket::testing::memory_disk;
using hocket::testing::memory_sink;

namespace {

buffer bytes_of(const std::string& s) {
  return buffer::take(std::vector<char>(s.begin(), s.end()));
}

struct sample {
  std::uint16_t channel;
  std::uint32_t sequence;
  std::uint64_t log_ns, publish_ns;
  std::string data;
  bool operator==(const sample&) const = default;
};

struct file {
  std::vector<sample> messages;
  std::string bytes;
};

/// A file of random content; small chunks, so that there are many.
file random_file(unsigned seed, int messages, std::size_t chunk_bytes, bool compress) {
  std::mt19937 random(seed);
  const auto disk = std::make_shared<memory_disk>();
  auto w =
      mcap_writer::create(std::make_unique<memory_sink>(disk), {"", "test", compress, chunk_bytes})
          .value();
  REQUIRE(w->add(mcap_schema{1, "a.b", "protobuf", "descriptors"}));
  for (std::uint16_t c = 0; c < 4; ++c)
    REQUIRE(w->add(mcap_channel{c, 1, "actor.out" + std::to_string(c), "protobuf", {{"k", "v"}}}));
  REQUIRE(w->add_metadata("first", {{"x", "1"}, {"y", ""}}));
  REQUIRE(w->attach("graph.yaml", "application/yaml", "hocket: 1\n", 5));
  file out;
  std::uint64_t now = 1000;
  for (int i = 0; i < messages; ++i) {
    now += random() % 100;
    sample s{static_cast<std::uint16_t>(random() % 4), static_cast<std::uint32_t>(i), now,
             now - random() % 50, std::string(random() % 60, static_cast<char>(random()))};
    REQUIRE(w->write({s.channel, s.sequence, s.log_ns, s.publish_ns, bytes_of(s.data)}));
    if (random() % 20 == 0) REQUIRE(w->flush());
    out.messages.push_back(std::move(s));
  }
  REQUIRE(w->close());
  out.bytes = disk->content();
  return out;
}

std::vector<sample> messages_of(const byte_source& from, const mcap_contents& c) {
  std::vector<sample> out;
  for (const auto& place : c.chunks) {
    const auto chunk = read_chunk(from, place);
    REQUIRE(chunk);
    const auto take = [&](const mcap_message& m, std::uint64_t at) -> result<void> {
      const auto again = message_at(*chunk, at);
      REQUIRE(again);
      CHECK(again->sequence == m.sequence);
      out.push_back({m.channel_id, m.sequence, m.log_time_ns, m.publish_time_ns,
                     std::string(chars(m.data.bytes()))});
      return {};
    };
    REQUIRE(each_message(*chunk, nullptr, take));
  }
  return out;
}

std::string recovered(const std::string& bytes, mcap_recovered& how) {
  const auto disk = std::make_shared<memory_disk>();
  auto w = mcap_writer::create(std::make_unique<memory_sink>(disk), {"", "test", false, 1 << 16});
  const auto done = recover_into(*memory_source(bytes), **w);
  REQUIRE(done);
  how = *done;
  REQUIRE((*w)->close());
  return disk->content();
}

}  // namespace

TEST_CASE("mcap: what is written is read, with any content, packed or not") {
  for (const bool compress : {false, true})
    for (unsigned seed = 0; seed < 20; ++seed) {
      const auto f = random_file(seed, 200, 64 + 40 * seed, compress);
      const auto from = memory_source(f.bytes);
      const auto c = read_contents(*from);
      REQUIRE(c);
      CHECK(c->closed);
      CHECK(c->problem.empty());
      CHECK(c->whole_bytes == f.bytes.size());
      CHECK(c->channels.size() == 4);
      CHECK(c->channels.at(2).topic == "actor.out2");
      CHECK(c->channels.at(2).metadata == mcap_map{{"k", "v"}});
      CHECK(c->schemas.at(1).data == "descriptors");
      REQUIRE(c->metadata.size() == 1);
      CHECK(c->metadata[0].second == mcap_map{{"x", "1"}, {"y", ""}});
      REQUIRE(c->attachments.size() == 1);
      CHECK(*read_attachment(*from, c->attachments[0]) == "hocket: 1\n");
      CHECK(messages_of(*from, *c) == f.messages);
    }
}

TEST_CASE("mcap: the index leads to every chunk and message, and all check sums hold") {
  const auto f = random_file(3, 300, 500, true);
  const std::string_view all = f.bytes;
  const auto u64 = [&](std::size_t at) { return mcap_get(all.substr(at)).num<std::uint64_t>(); };
  // Footer: opcode, length 20, summary start, offset section start, check sum; then the magic.
  const auto footer = all.size() - 8 - 29;
  REQUIRE(all[footer] == 0x02);
  REQUIRE(u64(footer + 1) == 20);
  const auto summary = u64(footer + 9);
  CHECK(mcap_get(all.substr(footer + 25)).num<std::uint32_t>() ==
        crc32_of(all.substr(summary, footer + 25 - summary)));
  // The data section's check sum stands in the record before the summary.
  REQUIRE(all[summary - 13] == 0x0f);
  CHECK(mcap_get(all.substr(summary - 4)).num<std::uint32_t>() ==
        crc32_of(all.substr(0, summary - 13)));
  std::uint64_t chunks = 0, messages = 0;
  for (auto at = summary; at < footer; at += 9 + u64(at + 1)) {
    if (all[at] != 0x08) continue;
    mcap_get index(all.substr(at + 9, u64(at + 1)));
    const auto first_ns = index.num<std::uint64_t>();
    const auto last_ns = index.num<std::uint64_t>();
    const auto chunk_at = index.num<std::uint64_t>();
    CHECK(all[chunk_at] == 0x06);
    CHECK(u64(chunk_at + 1) + 9 == index.num<std::uint64_t>());
    const auto chunk =
        read_chunk(*memory_source(f.bytes), {chunk_at + 9, u64(chunk_at + 1)}).value();
    mcap_get offsets(index.raw(index.num<std::uint32_t>()));
    while (offsets.left() > 0) {
      const auto channel = offsets.num<std::uint16_t>();
      const auto index_at = offsets.num<std::uint64_t>();
      REQUIRE(all[index_at] == 0x07);
      mcap_get entries(all.substr(index_at + 9, u64(index_at + 1)));
      CHECK(entries.num<std::uint16_t>() == channel);
      const auto entry_bytes = entries.num<std::uint32_t>();
      CHECK(entry_bytes == entries.left());
      while (entries.left() > 0) {
        const auto time_ns = entries.num<std::uint64_t>();
        const auto m = message_at(chunk, entries.num<std::uint64_t>());
        REQUIRE(m);
        CHECK(m->channel_id == channel);
        CHECK(m->log_time_ns == time_ns);
        CHECK(time_ns >= first_ns);
        CHECK(time_ns <= last_ns);
        ++messages;
      }
    }
    ++chunks;
  }
  CHECK(chunks > 10);
  CHECK(messages == f.messages.size());
}

TEST_CASE("mcap: torn at any byte, every whole chunk is read and recovered") {
  const auto f = random_file(7, 60, 150, true);
  const auto whole = read_contents(*memory_source(f.bytes)).value();
  std::vector<std::size_t> upto;  // messages in the first n chunks
  std::size_t n = 0;
  for (const auto& place : whole.chunks) {
    mcap_contents one;
    one.chunks = {place};
    n += messages_of(*memory_source(f.bytes), one).size();
    upto.push_back(n);
  }
  for (std::size_t cut = 0; cut < f.bytes.size(); ++cut) {
    const auto torn = f.bytes.substr(0, cut);
    const auto c = read_contents(*memory_source(torn));
    if (cut < 8) {
      CHECK(!c);
      continue;
    }
    REQUIRE(c);
    CHECK(!c->closed);
    CHECK(!c->problem.empty());
    std::size_t chunks = 0;
    while (chunks < whole.chunks.size() &&
           whole.chunks[chunks].offset_bytes + whole.chunks[chunks].size_bytes <= cut)
      ++chunks;
    REQUIRE(c->chunks.size() == chunks);
    mcap_recovered how;
    const auto saved = recovered(torn, how);
    const auto from = memory_source(saved);
    const auto again = read_contents(*from).value();
    CHECK(again.closed);
    const auto messages = messages_of(*from, again);
    REQUIRE(messages.size() == (chunks == 0 ? 0 : upto[chunks - 1]));
    CHECK(std::equal(messages.begin(), messages.end(), f.messages.begin()));
    CHECK(how.chunks == chunks);
    CHECK(how.lost_bytes == cut - c->whole_bytes);
  }
}

TEST_CASE("mcap: a damaged byte costs its own chunk at most, and is never taken for content") {
  const auto f = random_file(11, 60, 150, false);
  std::mt19937 random(1);
  for (std::size_t at = 8; at < f.bytes.size(); ++at) {
    auto bad = f.bytes;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    const auto from = memory_source(bad);
    const auto c = read_contents(*from);
    REQUIRE(c);
    for (const auto& place : c->chunks) {
      const auto chunk = read_chunk(*from, place);
      if (!chunk) continue;
      (void)each_message(*chunk, nullptr, [&](const mcap_message& m, std::uint64_t) {
        const sample s{m.channel_id, m.sequence, m.log_time_ns, m.publish_time_ns,
                       std::string(chars(m.data.bytes()))};
        REQUIRE(m.sequence < f.messages.size());
        CHECK(s == f.messages[m.sequence]);
        return result<void>{};
      });
    }
  }
}

TEST_CASE("mcap: a full disk refuses single messages, and what was taken is in the file") {
  const auto disk = std::make_shared<memory_disk>();
  auto w = mcap_writer::create(std::make_unique<memory_sink>(disk), {"", "", false, 1000}).value();
  REQUIRE(w->add(mcap_channel{0, 0, "a.b", "", {}}));
  disk->room = disk->content().size() + 4000;
  disk->reserve = 100'000;
  std::vector<std::uint32_t> taken;
  for (std::uint32_t i = 0; i < 200; ++i) {
    if (i == 150) disk->room += 3000;  // somebody cleaned up
    if (w->write({0, i, i, i, bytes_of(std::string(100, 'x'))})) taken.push_back(i);
  }
  CHECK(taken.size() > 20);
  CHECK(taken.size() < 200);
  CHECK(taken.back() >= 150);
  REQUIRE(w->close());
  const auto from = memory_source(disk->content());
  const auto c = read_contents(*from).value();
  CHECK(c.closed);
  std::vector<std::uint32_t> read;
  for (const auto& m : messages_of(*from, c)) read.push_back(m.sequence);
  CHECK(read == taken);
}

TEST_CASE("mcap: what is no MCAP file, or a bomb, is refused with a reason") {
  CHECK(read_contents(*memory_source("")).error().code == "mcap.not_mcap");
  CHECK(read_contents(*memory_source("RIFF....WAVE")).error().code == "mcap.not_mcap");
  // A chunk that says it unpacks to more than a reader may take.
  std::string chunk;
  mcap_put(chunk).num(std::uint64_t{0}).num(std::uint64_t{0}).num(std::uint64_t{1} << 40);
  mcap_put(chunk).num(std::uint32_t{0}).str("zstd").num(std::uint64_t{3}).raw("abc");
  const auto from = memory_source(chunk);
  CHECK(read_chunk(*from, {0, chunk.size()}).error().code == "mcap.too_large");
  std::string other;
  mcap_put(other).num(std::uint64_t{0}).num(std::uint64_t{0}).num(std::uint64_t{3});
  mcap_put(other).num(std::uint32_t{0}).str("lz4").num(std::uint64_t{3}).raw("abc");
  CHECK(read_chunk(*memory_source(other), {0, other.size()}).error().code == "mcap.not_supported");
}
