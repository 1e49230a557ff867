#include "actors/process/channel.hpp"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "graph/schema/codec.hpp"

namespace hocket::process {
namespace {

constexpr wire::codec_limits limits = {.head_bytes = 8u << 20, .bulk_bytes = 256u << 20};

bool is_gone(wire::shm_arena& of, std::uint32_t lease) {
  return of.head().leases[lease].load(std::memory_order_acquire) == 0;
}

}  // namespace

void channel::forget_returned() {
  std::erase_if(lent_, [&](const block& b) { return is_gone(writer_.arena(), b.lease); });
  std::erase_if(taken_, [&](const block& b) { return is_gone(*in_, b.lease); });
}

std::optional<bulk_place> channel::give_back(const buffer& b) {
  const auto begin = reinterpret_cast<std::uintptr_t>(in_->heap());
  const auto at = reinterpret_cast<std::uintptr_t>(b.bytes().data());
  if (at < begin || at - begin >= in_->heap_bytes()) return {};
  const std::uint64_t offset = at - begin;
  for (const auto& t : taken_)
    if (offset >= t.offset && offset - t.offset <= t.size &&
        b.size_bytes() <= t.size - (offset - t.offset))
      return bulk_place{bulk_place::kind::returned, t.lease, offset, b.size_bytes()};
  return {};
}

bulk_place channel::place(const buffer& b) {
  if (b.size_bytes() <= inside_most) return {bulk_place::kind::inside, 0, 0, b.size_bytes()};
  if (const auto back = give_back(b)) return *back;
  std::lock_guard lock(mutex_);
  auto at = writer_.lend(b);
  if (!at) at = writer_.place(b.bytes());
  if (!at) return {bulk_place::kind::inside, 0, 0, b.size_bytes()};
  lent_.push_back({at->lease, at->offset_bytes, at->size_bytes, b});
  return {bulk_place::kind::arena, at->lease, at->offset_bytes, at->size_bytes};
}

result<void> channel::append(std::string& out, frame_head head, const packet& p) {
  const auto coded = wire::encode(p, limits);
  if (!coded) return fail(coded);
  if (const auto most = frame_limits().bulk_count; coded->bulk.size() > most)
    return fail("process.too_many_bulks",
                fmt::format("a packet with {} blocks of bytes; {} cross in one frame",
                            coded->bulk.size(), most));
  forget_returned();
  head.session = static_cast<std::uint64_t>(p.header.session);
  head.ts_ns = p.header.ts.ns();
  head.seq = p.header.seq;
  head.micro_turn = p.header.micro_turn;
  head.epoch = p.header.epoch;
  head.stream = p.header.stream;
  head.origin_ts_ns = p.header.origin_ts.ns();
  head.origin_ns = p.header.origin_ns;
  std::vector<bulk_place> places;
  std::vector<std::span<const std::byte>> inside;
  for (const auto& b : coded->bulk) {
    places.push_back(place(b));
    if (places.back().where == bulk_place::kind::inside) inside.push_back(b.bytes());
  }
  append_frame(out, head, coded->head, places, inside);
  return {};
}

result<buffer> channel::find(const bulk_place& at, std::span<const std::byte> inside) {
  if (at.where == bulk_place::kind::inside) return buffer::copy_of(inside);
  if (at.where == bulk_place::kind::arena) {
    auto found = wire::block_in(in_, at.lease, at.offset_bytes, at.size_bytes);
    if (!found) return fail("process.malformed", "a bulk lies outside the shared memory");
    taken_.push_back({at.lease, at.offset_bytes, at.size_bytes, {}});
    return std::move(*found);
  }
  // The newest first: a lease that came back is given out again, and its old place is no more.
  for (const auto& l : std::views::reverse(lent_)) {
    if (l.lease != at.lease || at.offset_bytes < l.offset) continue;
    const auto from = at.offset_bytes - l.offset;
    if (from <= l.size && at.size_bytes <= l.size - from) return l.bytes.slice(from, at.size_bytes);
  }
  return fail("process.malformed", "a bulk comes back that was never lent");
}

result<packet> channel::take(const frame& f) {
  // A side that only takes never comes to append(); what the other side lends again was returned. What
  // was lent from here stays: the frame may bring it back, and its lease is over by then.
  std::erase_if(taken_, [&](const block& t) {
    return is_gone(*in_, t.lease) || std::ranges::any_of(f.bulk, [&](const bulk_place& b) {
             return b.where == bulk_place::kind::arena && b.lease == t.lease;
           });
  });
  std::vector<buffer> bulk;
  for (std::size_t i = 0; i < f.bulk.size(); ++i) {
    auto found = find(f.bulk[i], f.inside[i]);
    if (!found) return fail(found);
    bulk.push_back(std::move(*found));
  }
  auto p = wire::decode(std::as_bytes(std::span(f.body)), bulk, limits);
  if (!p) return p;
  p->header.ts = timestamp(f.head.ts_ns);
  return p;
}

std::optional<writable_buffer> channel::allocate(std::size_t size_bytes) {
  if (size_bytes <= inside_most) return {};
  std::lock_guard lock(mutex_);
  return writer_.allocate(size_bytes);
}

}  // namespace hocket::process
