#pragma once
namespace hocket::host {
class cell;
class emission;
class executor;
class input_queue;
class world;
struct entry;
struct session_state;
}  // namespace hocket::host
