#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/wire/accounts.hpp"
#include "graph/contract/packet.hpp"
#include "graph/contract/writable_buffer.hpp"
#include "graph/core/result.hpp"
#include "graph/schema/codec.hpp"
#include "graph/schema/wire_messages.hpp"
#include "graph/schema/host_message.hpp"
#include "graph/trust/secret.hpp"

/// Packets between processes: sockets, keys, credit, heartbeats, clocks. Knows no plan and no
/// actor.
namespace hocket::wire {

/// Why a node could not start, or refused a peer.
enum class wire_error : std::uint8_t {
  bad_address,      ///< no tcp://host:port and no ipc://path
  plaintext,        ///< no key, and an address that others can reach
  bad_key,          ///< no Z85 key, a wrong pair, an unsafe or unreadable key file
  cannot_listen,    ///< the address is taken or not ours
  bad_option,       ///< a link without peer, two of one id, ...
  wrong_version,    ///< the peer speaks another protocol
  wrong_graph,      ///< the peer runs another graph
  wrong_schema,     ///< the peer was built from other message definitions
  wrong_name,       ///< the peer is not the one we expected
  malformed,        ///< bytes that are no message of ours
  no_shared_memory  ///< the arena could not be made or mapped; the socket carries on
};
std::string_view code_of(wire_error e);

/// In the place of a hash: whether the run will have another graph is being decided.
inline constexpr auto undecided_graph = "?";

/// One link of the plan that crosses between two hosts; both ends name it with the same id.
struct remote_link {
  std::uint32_t id = 0;  ///< > 0; the same on both hosts
  std::string name;      ///< for people: "mic.audio -> model.audio"
  std::string peer;
  bool outgoing = false;
  delivery how = delivery::bounded;
  /// What the receiver grants: packets and payload bytes that it has room for. Only the receiving
  /// side's value counts.
  std::uint32_t credit_packets = 64;
  std::size_t credit_bytes = 16u << 20;
};

struct peer_options {
  std::string name;
  std::string address;     ///< tcp://host:port or ipc://path to connect to; "": the peer connects
  std::string public_key;  ///< Z85, 40 characters; "" only without keys
  /// Shared memory for what goes to it; 0: node_options::shm_bytes.
  std::size_t shm_bytes = 0;
};

/// Which of two hosts connects: the one with the smaller name, or the only one that can.
/// `our_listen`, `their_listen`: the addresses of the graph file, "" where there is none.
bool we_connect(std::string_view our_name, std::string_view our_listen, std::string_view their_name,
                std::string_view their_listen);

struct node_options {
  std::string name;
  /// Control lane; port 0 = any. The data lane listens at the next port (ipc: path + ".data").
  /// "": we only connect.
  std::string listen;
  trust::shared_secret secret_key;  ///< Z85, 40 characters; "": plaintext, loopback and ipc only
  bool insecure = false;            ///< plaintext beyond loopback too
  std::string graph_hash, schema_hash;
  /// What the graph says, key by key: a peer with another one is told the first that differs.
  std::vector<graph_key> keys = {};
  /// Connects to learn which graph the peers' run has (`graph_of`), and to nothing else: no peer is
  /// ever up, and none is told that this host is back.
  bool asks = false;
  std::vector<peer_options> peers;
  std::vector<remote_link> links;
  codec_limits limits;
  int heartbeat_ms = 250;
  int lost_after_ms = 1500;   ///< silence on one lane; half of it: suspect
  bool shared_memory = true;  ///< use it where both processes prove that they share a machine
  std::size_t shm_bytes = 64u << 20;  ///< arena per direction and peer
  std::string shm_dir = "/dev/shm";
};

enum class sent_how : std::uint8_t {
  sent,
  no_credit,  ///< the receiver has no room: keep the packet; room_again() will tell
  no_peer,    ///< not connected: keep or drop it as the queue's policy says; room_again() on return
  unsendable,  ///< can never be sent (too large, not UTF-8, ...): drop it with a reason
};

/// What the node tells its host. Calls come from the node's own threads; calls about one link, and
/// calls of control_arrived and peer_changed for one peer, never overlap each other, others may.
/// They must be quick and must not block; they may call the node.
class node_events {
 public:
  virtual ~node_events() = default;
  /// Times in the header are already in this host's monotonic clock.
  /// False: no room; counted as a drop here (never return it on a lossless link within its credit).
  /// Call node::consumed() once for every packet taken, when it has left the queue.
  virtual bool packet_arrived(std::uint32_t link, packet&& p) = 0;
  /// Not before the peer is up.
  virtual void control_arrived(const std::string& peer, const host_message& m) = 0;
  /// Credit came back, or the peer did: a sender that was told no_credit or no_peer may go on.
  virtual void room_again(std::uint32_t link) = 0;
  /// `reason` is for people. `restarted`: up, and it is a new process that knows nothing of before:
  /// tell it about sessions first. True for the first time, too.
  virtual void peer_changed(const std::string& peer, peer_state s, const std::string& reason,
                            bool restarted) = 0;
  /// Packets [from_seq, to_seq] of this session were lost on the way (header numbers, inclusive).
  virtual void gap(std::uint32_t link, session_id session, std::uint64_t from_seq,
                   std::uint64_t to_seq) = 0;
};

/// One process's end of all its links to other processes.
///
/// Threads: any; one caller at a time per link for send(). The node has a thread for its sockets,
/// one for authentication where keys are used, and one per peer that is reached by shared memory.
class node {
 public:
  /// Checks the options and binds; nothing is received or sent before begin().
  /// Errors: wire.bad_address, wire.plaintext, wire.bad_key, wire.cannot_listen, wire.bad_option.
  static result<std::unique_ptr<node>> open(node_options options, node_events& events);
  /// Starts the threads. `events` must outlive the node.
  void begin();
  /// Stops them; nothing is called after it. Unconfirmed packets are counted as dropped.
  ~node();

  /// Never blocks; bulk bytes are not copied (into shared memory: once, or not at all where
  /// allocate() gave the room that they were made in).
  sent_how send(std::uint32_t link, const packet& p);
  /// Room for a payload that the link's next packet will carry, in the memory that its receiver
  /// maps. Sealed, it is a buffer like any other: it may go elsewhere too, again, or nowhere, and
  /// stays valid whatever becomes of the peer. Empty where the link has no such memory now, or no
  /// room in it: then any other memory does. Threads: any.
  std::optional<writable_buffer> allocate(std::uint32_t link, std::size_t size_bytes);
  /// Ordered, and sent again after a reconnect to the same process; dropped when the peer restarted
  /// (peer_changed says so). False: no such peer, it was never up, the message is unfit (detail not
  /// UTF-8 or over 256 KiB, more than 4096 values), or more than 4096 messages wait for it.
  bool send_control(const std::string& peer, host_message m);
  /// `packets` that packet_arrived() took have left the queue, in whatever order.
  void consumed(std::uint32_t link, std::uint32_t packets = 1);

  // The graph changes while packets flow. Both sides add a link before the receiving one opens it;
  // what the sender has for it waits until then (no_credit, no_peer).
  /// Errors: wire.bad_option, as for the links of node_options. A link that was retired may come
  /// back: it goes on with its numbers.
  result<void> add_link(const remote_link& link);
  /// Receiving side: grants the credit.
  void open_link(std::uint32_t link);
  /// Another promise (sending side: it holds for what is sent from now on) or other credit
  /// (receiving side: more at once; less, when one of the processes begins anew).
  void change_link(const remote_link& link);
  /// The graph has it no more: its last packets are sent and arrive like any, as long as both
  /// processes live; one that begins anew knows nothing of it. Its account stays.
  void retire_link(std::uint32_t link);
  /// The run goes on with another graph: what handshakes compare from now on. `note` is sent to a
  /// peer that comes with another one. Connections that are up stay.
  void set_graph(const std::string& hash, const std::string& note);
  /// The run will go on with this graph, at a boundary that is not reached yet: who asks is told;
  /// `undecided_graph`: votes are being counted, and who asks is to ask again; "": with the one it
  /// has, after all. set_graph() ends it.
  void set_next_graph(const std::string& hash);
  /// The newest graph that this peer has said its run has, or is about to have; "": none yet.
  std::string graph_of(const std::string& peer) const;
  /// Waits until everything sent was confirmed, or the time is up; true in the first case.
  bool flush(int limit_ms);

  node_status status() const;
  /// Where the control lane listens, with the port that was given; "" without.
  std::string listening() const;

  class impl;

 private:
  explicit node(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace hocket::wire
