#include <cmath>

#include "actors/gateway/tinker/wire/client.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: what a service of the Tinker API answers to a pass over data.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  const auto read =
      tinker::decode_pass({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!read) {
    HOCKET_ASSERT(read.error().code == "tinker.bad_answer" && !read.error().message.empty());
    return;
  }
  HOCKET_ASSERT(std::isfinite(read->loss) && read->sequences >= 0);
}

std::vector<std::string> seeds() {
  tinker::forward_answer one, mixed;
  one.logprobs = {{-1, -2}}, one.targets = {0}, one.metrics = {{"loss:sum", 3}};
  mixed.logprobs = {{-1, -2}, {-3, -4}, {-INFINITY}}, mixed.targets = {0, 2, 0};
  mixed.metrics = {{"loss:sum", 1.5}, {"entropy:mean", 0.5}};
  return {tinker::encode(one), tinker::encode(mixed)};
}

}  // namespace

extern const target pass_answer;
const target pass_answer = {"pass_answer", run, seeds};

}  // namespace hocket::fuzz
