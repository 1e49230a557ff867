// Included by beast.cpp alone.
#pragma once

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "actors/http/beast_core.hpp"

namespace hocket::http {

namespace beast_http = boost::beast::http;

/// One connection of a server, from its first byte to its last.
///
///     waiting -> head -> body -> answering -> writing -> waiting | lingering | a WebSocket
class connection final : public std::enable_shared_from_this<connection> {
 public:
  enum class state { waiting, head, body, answering, writing, lingering, websocket };

  /// `bucket`: what the limit per address counts it under; `bound`: the address it came in at.
  connection(server_core& core, std::string peer, std::string bucket, std::string bound)
      : core_(core),
        peer_(std::move(peer)),
        bucket_(std::move(bucket)),
        bound_(std::move(bound)),
        timer_(*core.io) {}

  /// Its share of the connections, until it ends.
  void keep(trust::budget::share place) { place_ = std::move(place); }
  /// Decides by the first byte whether it is TLS.
  void start(tcp::socket s);
  /// Goes on with a stream that is ready.
  void serve(std::shared_ptr<byte_stream> s, bool is_tls);
  /// Ends at once.
  void cut();
  /// Ends when what was asked is answered.
  void drain();
  void answer(response r);

  const std::string& bucket() const { return bucket_; }
  /// May be cut in favour of a new one: it waits for its client.
  bool gives_way() const;
  std::chrono::steady_clock::time_point since() const { return since_; }

 private:
  using parser = beast_http::request_parser<beast_http::string_body>;

  void next_request();
  void read();
  void parse();
  /// The head is whole: what can be refused by it is refused.
  bool check_head();
  bool check_host(const std::string& authority_of_target);
  bool check_body();
  void say_continue();
  void dispatch();
  void upgrade(const request& r);
  void accept(websocket_accept how);
  void refuse(int status, const std::string& why);
  void parse_failed(error_code ec);
  void respond(const response& r, bool keep_alive);
  void write(bool keep_alive);
  void linger();
  void discard();
  void enter(state s, int limit_ms);
  void gone();

  server_core& core_;
  const std::string peer_, bucket_, bound_;
  asio::steady_timer timer_;
  trust::budget::share place_, body_;
  std::shared_ptr<tcp::socket> undecided_;
  std::shared_ptr<byte_stream> stream_;
  bool is_tls_ = false;

  beast::flat_buffer in_;
  request request_;
  std::optional<parser> parser_;
  bool head_checked_ = false;
  int requests_ = 0;
  state state_ = state::waiting;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  int deadline_ = 0;  ///< counts those set; an old one that fires late does nothing
  bool is_gone_ = false;

  std::string head_out_, body_out_;
  std::size_t written_ = 0, lingered_ = 0;
  std::shared_ptr<websocket_session> session_;
};

}  // namespace hocket::http
