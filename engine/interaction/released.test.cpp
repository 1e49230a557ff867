// The released models give the bits they gave when they were released: what they write, hear and say
// over 24 micro-turns of fixed noise and text, with every frame voiced.
#include <random>
#include <string>

#include "engine/interaction/session.hpp"

#include <doctest/doctest.h>

using namespace hocket::engine;

namespace {

/// FNV-1a over the bytes of an array.
template <class T>
void add(std::uint64_t& hash, const std::vector<T>& values) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (std::size_t i = 0; i < values.size() * sizeof(T); ++i)
    hash = (hash ^ bytes[i]) * 0x100000001b3ull;
}

/// Checksum of everything a session of the model does. Nothing here draws from a distribution of the
/// standard library: those may differ between libraries.
std::uint64_t checksum(const std::string& name) {
  auto model = interaction_model::load(HOCKET_SOURCE_DIR "/configs/models/" + name, "cpu");
  REQUIRE(model);
  const auto& c = (*model)->description().config;
  std::mt19937 random(20261128);
  session s(*model, {.seed = 12, .gate_threshold = 0});
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (int k = 0; k < 24; ++k) {
    micro_turn_input in;
    for (int i = 0; i < c.layout.audio * c.dmel_channels; ++i) in.audio.push_back(random() % 16);
    in.text.push_back(k % 5 == 2 ? static_cast<std::int32_t>(random() % c.vocabulary) : 0);
    if (k % 3 != 1)
      for (std::int64_t i = 0; i < c.video_size(); ++i) in.video.push_back(random() % 256);
    const auto out = s.append(in);
    REQUIRE(out);
    add(hash, out->text), add(hash, out->heard), add(hash, out->voice), add(hash, out->speech);
  }
  return hash;
}

/// The kernels exist for several instruction sets (HOCKET_CLONES); sums are grouped by the width of
/// a vector, so each set has bits of its own. The lesser two were noted without the wider clones, and again
/// with what the processor can do hidden from the program. Empty: no x86, whose bits nobody has noted.
std::string instruction_set() {
#if defined(__x86_64__)
#if !defined(__SANITIZE_ADDRESS__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
#endif
  return "x86-64";
#else
  return "";
#endif
}

}  // namespace

TEST_CASE("the released models give the bits they were released with") {
  struct release {
    const char* name;
    std::uint64_t v4, v3, plain;
  };
  const release releases[] = {
      {"nano", 16340828359094962687u, 1456166431965246288u, 11470782568770125718u},
      {"duplex", 16421166782207745345u, 8056593758859166269u, 1688319436675879167u}};
  const auto set = instruction_set();
  if (set.empty()) return;
  CAPTURE(set);
  for (const auto& r : releases) {
    CAPTURE(r.name);
    const auto known = set == "x86-64-v4" ? r.v4 : set == "x86-64-v3" ? r.v3 : r.plain;
    CHECK(checksum(r.name) == known);
  }
}
