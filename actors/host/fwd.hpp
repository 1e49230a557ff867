#pragma once
namespace hocket::host {
class remote_links;
class actor_cell;
class emission;
class executor;
class input_queue;
class rewirer;
class membership;
class graph_run;
struct queued_packet;
struct planned_rewire;
struct plan_revision;
struct session_state;
}  // namespace hocket::host
