#pragma once
namespace hocket::host {
class border;
class cell;
class emission;
class executor;
class input_queue;
class rewirer;
class team;
class world;
struct entry;
struct planned_rewire;
struct wiring;
struct session_state;
}  // namespace hocket::host
