#pragma once
namespace hocket::host {
class actor_cell;
class emission;
class executor;
class graph_run;
class input_queue;
class peer_hosts;
class remote_end;
class run_changes;
class topology_edit;
struct link_end;
struct plan_revision;
struct queued_packet;
struct session_state;
}  // namespace hocket::host
