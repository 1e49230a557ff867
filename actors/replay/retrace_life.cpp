#include "actors/replay/retrace_life.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "actors/host/actor/check_packet.hpp"

namespace hocket::replay {

void retold_streams::emit(const life& who, const component_info& info, session_id session,
                          std::size_t port, packet&& p, epoch_number epoch, timestamp at,
                          const packet_header* from, const micro_turn_grid& grid) {
  if (port >= info.outputs.size())
    throw std::out_of_range(fmt::format("emit to output {} of {}", port, info.outputs.size()));
  auto& stream = streams_[{who.index, port, session}];
  if (p.body)
    if (const auto* marker = host::as_marker(p)) {
      stream.ended = stream.ended || marker->what == control::kind::end_of_stream;
      return;
    }
  if (stream.ended || !host::why_bad(p, info.outputs[port].type, stream.last_ts, at).empty() ||
      (who.planned != nullptr && !host::why_other_payload(p, *who.planned, port).empty()))
    return;
  stream.last_ts = p.header.ts;
  auto& h = p.header;
  h.session = session;
  h.stream = static_cast<std::uint32_t>(port);
  h.seq = stream.next_seq++;
  h.micro_turn = grid.index_of(h.ts);
  h.epoch = epoch;
  h.origin_ts = from != nullptr ? from->origin_ts : h.ts;
  h.origin_ns = from != nullptr ? from->origin_ns : at.ns();
  h.way = from != nullptr ? from->way : trace{};
  h.way.push({who.index, at.ns(), at.ns(), at.ns()});
  to_(who, port, std::move(p));
}

void retold_streams::forget(actor_index actor) {
  std::erase_if(streams_, [&](const auto& s) { return std::get<0>(s.first) == actor; });
}

void retold_emitter::emit(std::size_t port, packet p) {
  const auto put = [&](session_id session, packet&& what, epoch_number epoch) {
    streams_.emit(*call_.who, *call_.info, session, port, std::move(what), epoch, call_.at,
                  call_.from, grid_);
  };
  const bool shared = call_.info->scope == instance_scope::shared;
  if (call_.session != session_id::none || !shared)
    return put(call_.session, std::move(p), call_.epoch);
  // A shared actor without a session at hand speaks to everybody.
  for (const auto id : sessions_) put(id, packet(p), epochs_[id]);
  put(session_id::none, std::move(p), 0);
}

void retold_emitter::interrupt() {
  if (call_.session == session_id::none) return;
  auto& now = epochs_[call_.session];
  auto& told = told_[{call_.who->actor, call_.session}];
  call_.epoch = told.empty() ? now + 1 : told.front();
  if (!told.empty()) told.pop_front();
  now = std::max(now, call_.epoch);
  raised_[call_.session] = call_.epoch;
}

void retold_emitter::for_session(session_id session) {
  if (call_.info->scope != instance_scope::shared) return;
  call_.session = session;
  call_.epoch = epochs_[session];
  call_.from = nullptr;
  for (const auto& s : call_.sets) {
    if (s.session != session) continue;
    call_.epoch = s.epoch;
    for (const auto& input : s.inputs)
      for (const auto& p : input)
        if (call_.from == nullptr || p.header.origin_ns < call_.from->origin_ns)
          call_.from = &p.header;
  }
  if (const auto it = raised_.find(session); it != raised_.end()) call_.epoch = it->second;
}

}  // namespace hocket::replay
