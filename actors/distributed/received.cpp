#include "actors/distributed/received.hpp"

namespace hocket::distributed {

wire::channel_kind ordered_channel::of(const wire::host_message& m) {
  const bool ends = std::holds_alternative<wire::stream_bound>(m.event) ||
                    std::holds_alternative<wire::stream_end>(m.event);
  return ends ? wire::channel_kind::ends : wire::channel_kind::messages;
}

channel_counts counts_of(const std::vector<wire::channel_count>& sent) {
  channel_counts out;
  for (const auto& c : sent) out[{c.host, c.link, c.kind}] = c.count;
  return out;
}

std::vector<wire::channel_count> to_message(const channel_counts& counts) {
  std::vector<wire::channel_count> out;
  for (const auto& [at, n] : counts)
    out.push_back({static_cast<std::uint32_t>(at.host), at.link, at.which, n});
  return out;
}

bool is_about_session(const wire::host_event& e) {
  return std::holds_alternative<wire::session_open>(e) ||
         std::holds_alternative<wire::session_ready>(e) ||
         std::holds_alternative<wire::session_start>(e) ||
         std::holds_alternative<wire::session_close>(e) ||
         std::holds_alternative<wire::session_ask>(e) ||
         std::holds_alternative<wire::session_answer>(e);
}

session_id session_of(const wire::host_message& m) {
  return std::visit(
      [](const auto& e) {
        if constexpr (requires { e.session; })
          return e.session;
        else
          return session_id::none;
      },
      m.event);
}

}  // namespace hocket::distributed
