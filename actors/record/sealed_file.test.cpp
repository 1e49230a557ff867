#include "actors/record/mcap_reader.hpp"
#include "actors/record/mcap_writer.hpp"
#include "actors/record/memory_sink.test.hpp"
#include "actors/record/sealed_file.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "graph/trust/sealed/sealed.hpp"

using namespace hocket;
using namespace hocket::record;

namespace {

const trust::shared_secret key(std::string(64, 'a'));

/// A sealed file of chunks of one message each, as bytes; `ends`: where the beginning of the file and
/// each chunk end.
std::string sealed(int chunks, bool closed = true, std::vector<std::size_t>* ends = nullptr) {
  const auto disk = std::make_shared<testing::memory_disk>();
  auto sink = sealing_sink(std::make_unique<testing::memory_sink>(disk), key);
  REQUIRE(sink);
  auto file = mcap_writer::create(std::move(*sink), {.library = "test"});
  REQUIRE(file);
  REQUIRE((*file)->add(mcap_channel{1, 0, "voice", "raw", {}}));
  if (ends != nullptr) *ends = {disk->content().size()};
  for (int i = 0; i < chunks; ++i) {
    mcap_message m;
    m.channel_id = 1;
    m.sequence = static_cast<std::uint32_t>(i);
    const std::string text = "spoken words " + std::to_string(i);
    m.data = buffer::take(std::vector<char>(text.begin(), text.end()));
    REQUIRE((*file)->write(m));
    REQUIRE((*file)->flush());
    if (ends != nullptr) ends->push_back(disk->content().size());
  }
  if (closed) REQUIRE((*file)->close());
  file->reset();  // a sealed file ends with its sink
  return disk->content();
}

result<mcap_recovered> recovered(const std::string& bytes) {
  auto inside = unsealing_source(memory_source(bytes), key);
  if (!inside) return fail(inside);
  auto to = mcap_writer::create(
      std::make_unique<testing::memory_sink>(std::make_shared<testing::memory_disk>()), {});
  REQUIRE(to);
  return recover_into(**inside, **to);
}

}  // namespace

TEST_CASE("a sealed recording holds no word in clear, and is read with its key alone") {
  const auto bytes = sealed(5);
  for (const auto* word : {"spoken", "voice", "MCAP", "test"})
    CHECK(bytes.find(word) == bytes.npos);
  const auto inside = unsealing_source(memory_source(bytes), key);
  REQUIRE(inside);
  const auto contents = read_contents(**inside);
  REQUIRE(contents);
  CHECK(contents->closed);
  CHECK(contents->chunks.size() == 5);
  const auto chunk = read_chunk(**inside, contents->chunks[3]);
  REQUIRE(chunk);
  const auto other =
      unsealing_source(memory_source(bytes), trust::shared_secret("some other words"));
  REQUIRE(!other);
  CHECK(other.error().code == "seal.wrong_key");
  CHECK(read_contents(*memory_source(bytes)).error().code == code_of(mcap_error::not_mcap));
}

TEST_CASE("torn anywhere, it recovers up to the last whole chunk") {
  const auto bytes = sealed(4, false);
  std::uint64_t before = 0;
  for (std::size_t n = trust::sealed_head_bytes; n <= bytes.size(); n += 7) {
    const auto got = recovered(bytes.substr(0, n));
    if (!got) {
      CHECK(got.error().code == code_of(mcap_error::not_mcap));
      CHECK(before == 0);
      continue;
    }
    CHECK(got->messages >= before);
    before = got->messages;
  }
  CHECK(before + 1 >= 4);
  CHECK(recovered(bytes)->messages == 4);
}

TEST_CASE("a changed byte costs what comes after it, not what was before") {
  std::vector<std::size_t> ends;
  const auto bytes = sealed(4, true, &ends);
  REQUIRE(ends.size() == 5);
  REQUIRE(recovered(bytes)->messages == 4);
  for (std::size_t i = 64; i < bytes.size(); i += 3) {
    auto other = bytes;
    other[i] = static_cast<char>(other[i] ^ 0x40);
    const auto before = std::count_if(ends.begin(), ends.end(), [&](auto e) { return e <= i; });
    const auto got = recovered(other);
    if (before == 0) continue;  // in the beginning, without which it is no recording
    REQUIRE_MESSAGE(got, i);
    CHECK_MESSAGE(static_cast<int>(got->messages) >= before - 1, i);
    CHECK_MESSAGE((before == 5) == (got->messages == 4), i);
  }
  auto late = bytes;
  late[bytes.size() - 3] ^= 1;  // in the last frame: the index
  const auto got = recovered(late);
  REQUIRE(got);
  CHECK(got->messages == 4);
}

TEST_CASE("a sealed recording that was cut says so, wherever it was cut") {
  const auto bytes = sealed(2);
  const auto problem_of = [](const std::string& some) {
    const auto inside = unsealing_source(memory_source(some), key);
    REQUIRE(inside);
    return seal_problem(**inside);
  };
  CHECK(problem_of(bytes).empty());
  for (std::size_t n = trust::sealed_head_bytes; n < bytes.size(); ++n)
    CHECK_MESSAGE(problem_of(bytes.substr(0, n)).find("has no end") != std::string::npos, n);
  CHECK(problem_of(bytes + "more").find("behind") != std::string::npos);
}
