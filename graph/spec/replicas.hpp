#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/spec/plan.hpp"

namespace hocket {

/// Which of `replicas` takes a conversation, from 0: consistent hashing over a ring with many
/// points per replica. Every host comes to the same answer, and one replica more moves only its own
/// share of the conversations.
std::int32_t replica_for(session_id session, std::string_view family, std::int32_t replicas);

/// False where a link of the plan ends at a replica that does not take this conversation.
bool carries(const plan& p, const plan_link& link, session_id session);

namespace spec {

/// Replaces each actor with `replicas: N` by N actors `name/1` … `name/N`, each with all its links;
/// which of them a conversation uses is decided when it opens. `hosts`, by actor: where the replicas
/// run, one after the other and round again; empty = on the actor's own host.
void expand_replicas(plan& p, const std::vector<std::vector<std::string>>& hosts);

}  // namespace spec
}  // namespace hocket
