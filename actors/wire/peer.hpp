#pragma once

#include <poll.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/wire/data_lane.hpp"
#include "actors/wire/in_link.hpp"
#include "actors/wire/host_message_log.hpp"
#include "actors/wire/liveness.hpp"
#include "actors/wire/node_core.hpp"
#include "actors/wire/out_link.hpp"
#include "actors/wire/peer_clock.hpp"
#include "actors/wire/who_answers.hpp"

namespace hocket::wire {

/// Everything between this process and one other: connection, lanes, links, books.
///
/// Locks: `deliver_` is held while the host is called, so its calls about one peer never overlap;
/// `books_` guards the state and is never held while the host is called. Order: deliver_, books_, a
/// socket's own. Threads: each function says which.
class peer {
 public:
  peer(node_core& core, peer_options options, const std::vector<remote_link>& links);
  ~peer();

  const std::string& name() const { return options_.name; }

  // Any thread.
  sent_how send(std::uint32_t link, const packet& p);
  std::optional<writable_buffer> allocate(std::size_t size_bytes);
  bool send_control(host_message m);
  void consumed(std::uint32_t link, std::uint32_t packets);
  void add_link(const remote_link& l);
  void open_link(std::uint32_t link);
  void change_link(const remote_link& l);
  void retire_link(std::uint32_t link);
  peer_status status() const;
  /// The newest graph that it said its run has; "": none yet.
  std::string graph() const;
  void accounts(std::vector<wire_account>& out) const;
  bool all_confirmed() const;
  bool is_connection(std::uint64_t connection) const;

  // The node's thread.
  void work(std::int64_t now_ns);
  std::int64_t due_ns() const { return due_ns_; }
  void add_fds(std::vector<pollfd>& fds) const;
  /// Takes what came on the sockets of a connection that we made; true if there was any.
  bool drain();
  void control_message(const std::string& route, const std::string& user, const control_frame& f);
  void garbage();
  void forgive(std::int64_t slept_ns, std::int64_t now_ns);
  /// Says goodbye and counts what is left.
  void close();

  // The node's thread, or the thread of the arena.
  void data_message(const std::string& route, std::span<const std::byte> head,
                    std::span<const buffer> frames, shm_reader* arena, std::int64_t came_ns);

 private:
  enum class phase : std::uint8_t { idle, greeting, lanes, up };
  using clock_ns = std::int64_t;

  // peer_connect.cpp: from nothing to up and back. The node's thread.
  bool connects() const { return !options_.address.empty(); }
  void dial(clock_ns now);
  void watch_sockets();
  void greeted(const std::string& route, const std::string& user, std::uint64_t connection,
               const hello& h);
  void adopt(std::uint64_t connection, const hello& h);
  result<void> open_data_socket(const hello& h);
  void lose(peer_state then, const std::string& why);
  void change(peer_state s, const std::string& why, bool restarted = false);
  void send_control_frame(control_body body);
  void refuse_to(const std::string& route, std::uint64_t connection, const refusal& r);

  // peer_answers.cpp: hosts that ask, and attempts that were cut short.
  std::string stranger() const;
  void cut_short();
  void judge_answerer(clock_ns now);
  /// Codes of the answers to a host that asks which graph the run has.
  static constexpr auto ask_again = "wire.ask_again", asked = "wire.asked";
  void answer_asking(const std::string& route, std::uint64_t connection);
  void note_graph(const std::string& hash);

  // peer_shm.cpp: arenas are offered, mapped, proven. The node's thread.
  void offer_arena();
  void offered(const shm_offer& o);
  void answered(const shm_answer& a);

  // peer_receive.cpp.
  bool become_up(const std::string& route);
  result<void> take(data_record& r, std::span<const buffer> frames, std::size_t& next_frame,
                    shm_reader* arena);
  result<void> take_packet(std::uint32_t link, packet_record& r, std::span<const buffer> frames,
                           std::size_t& next_frame, shm_reader* arena);
  result<void> take_credit(out_link& link, const data_body& r);
  void hand_over(in_link& link, std::vector<in_link::received_packet>& ready);
  void map_times(packet_header& h) const;
  void host_message_came(const numbered_message& l);
  void deliver_messages();
  void on_beat(const beat& b, clock_ns now);
  void tell_room(const std::vector<std::uint32_t>& links);

  void send_beats(clock_ns now);
  void send_messages();
  void send_acks(clock_ns now);
  void want_ack(const in_link& l);
  void grant_all();

  node_core& core_;
  const peer_options options_;
  mutable std::mutex deliver_;
  mutable std::mutex books_;

  // Under books_.
  std::map<std::uint32_t, out_link> out_;
  std::map<std::uint32_t, in_link> in_;
  data_lane lane_;
  host_message_log messages_;
  std::size_t messages_sent_ = 0;  ///< of messages_.unconfirmed(), on this connection
  std::deque<numbered_message> waiting_messages_;
  peer_clock clock_;
  liveness live_;
  phase phase_ = phase::idle;
  peer_state state_ = peer_state::connecting;
  std::string reason_;
  std::string graph_;  ///< of its run, as it said
  clock_ns state_since_ns_ = 0;
  std::uint64_t connection_ = 0;
  std::uint64_t known_ = 0;  ///< incarnation whose links are in our books
  /// The host has not been told yet that this process is there. Outlives attempts that never came
  /// up.
  bool restarted_ = true;
  bool same_machine_ = false, their_shm_ = false;
  bool ack_wanted_ = false;
  bool first_link_ = false;  ///< came after we were up without any: now memory is worth sharing
  std::string broken_;       ///< a violation that the node's thread acts on
  std::string shm_reason_;
  std::uint64_t connects_count_ = 0, malformed_ = 0, bytes_in_ = 0;

  // The node's thread only.
  std::unique_ptr<zmq_socket> control_;   ///< a connection that we made
  std::shared_ptr<shared_socket> data_;   ///< the same
  std::string control_route_;             ///< a connection that the peer made
  std::unique_ptr<shm_writer> offered_;   ///< waits for its proof
  std::optional<shm_offer> their_offer_;  ///< waits until we are up
  std::unique_ptr<shm_reader> reader_;
  who_answers who_;  ///< where an attempt was cut short: is it worth trying on?
  backoff retry_, slow_retry_;
  bool tcp_connected_ = false, handshaken_ = false, offer_due_ = false;
  clock_ns due_ns_ = 0, retry_at_ns_ = 0, deadline_ns_ = 0, beat_at_ns_ = 0, ack_at_ns_ = 0;
  clock_ns tcp_deadline_ns_ = 0;  ///< of an attempt whose TCP connection does not stand yet
  std::uint64_t beats_ = 0;
  clock_ns echo_sent_ns_ = 0, echo_received_ns_ = 0;
};

}  // namespace hocket::wire
