#pragma once
namespace hocket {
class buffer;
class component;
class config_base;
class config_visitor;
class emitter;
class mailbox_handle;
class planner;
class registry;
class session_control;
class tool;
class tool_source;
class value;
struct bundle;
struct component_info;
struct component_type;
struct context;
struct packet;
struct packet_header;
}  // namespace hocket
