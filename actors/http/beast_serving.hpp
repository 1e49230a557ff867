// Included by beast.cpp alone: what a connection does with requests.
#pragma once

#include "actors/http/beast_connection.hpp"
#include "graph/trust/audit.hpp"

namespace hocket::http {

class responder::one_answer {
 public:
  explicit one_answer(std::shared_ptr<asio::io_context> io, std::weak_ptr<connection> to)
      : io_(std::move(io)), to_(std::move(to)) {}
  ~one_answer() { give({500, {}, "no answer\n", {}}); }
  void give(response r) {
    if (used_.exchange(true)) return;
    asio::post(*io_, [to = to_, r = std::move(r)]() mutable {
      if (const auto c = to.lock()) c->answer(std::move(r));
    });
  }

 private:
  const std::shared_ptr<asio::io_context> io_;
  const std::weak_ptr<connection> to_;
  std::atomic<bool> used_{false};
};

// --- one connection: requests ------------------------------------------------------------------

inline void connection::parse() {
  for (;;) {
    if (in_.size() == 0) return read();
    error_code ec;
    in_.consume(parser_->put(in_.data(), ec));
    if (ec == beast_http::error::need_more) return read();
    if (ec) return parse_failed(ec);
    if (parser_->is_header_done() && !head_checked_) {
      head_checked_ = true;
      if (!check_head()) return;
      parser_->eager(true);
      if (!parser_->is_done()) {
        enter(state::body, core_.options.limits.body_ms);
        if (parser_->get().count(beast_http::field::expect) > 0) return say_continue();
      }
    }
    if (parser_->is_done()) return dispatch();
  }
}

inline void connection::parse_failed(error_code ec) {
  if (ec == beast_http::error::header_limit)
    return refuse(431, "the head of the request is too long");
  if (ec == beast_http::error::body_limit)
    return refuse(413, "the body of the request is too long");
  if (ec == beast_http::error::bad_version) return refuse(505, "HTTP/1.1 is spoken here");
  refuse(400, "this is no HTTP request: " + ec.message());
}

inline bool connection::check_head() {
  const auto& head = parser_->get();
  const auto bad = [this](int status, const char* why) {
    refuse(status, why);
    return false;
  };
  const auto method = head.method_string(), target = head.target();
  auto parts = read_target({target.data(), target.size()});
  if (!parts) return bad(400, "the request's target is no path");
  if (head.count(beast_http::field::transfer_encoding) > 0 &&
      (!head.chunked() || head.version() < 11))
    return bad(501, "no transfer encoding but chunked is known");
  if (head.count(beast_http::field::expect) > 0 &&
      !beast::iequals(head[beast_http::field::expect], "100-continue"))
    return bad(417, "no expectation but 100-continue is met");
  if (!check_host(parts->authority)) return false;
  request_ = {};
  request_.method.assign(method.data(), method.size());
  request_.path = std::move(parts->path);
  request_.query = std::move(parts->query);
  request_.peer = peer_;
  request_.is_tls = is_tls_;
  for (const auto& field : head) {
    const auto name = field.name_string(), value = field.value();
    request_.headers.emplace_back(std::string(name.data(), name.size()),
                                  std::string(value.data(), value.size()));
  }
  return check_body();
}

/// Who may not ask is refused before what he sends takes memory; so is what has no room.
inline bool connection::check_body() {
  if (core_.options.admit) {
    std::optional<response> no;
    try {
      no = core_.options.admit(request_);
    } catch (const std::exception&) {
      no = response{500, "text/plain; charset=utf-8", "internal error\n", {}};
    }
    if (no) return respond(*no, false), false;
  }
  if (parser_->is_done()) return true;
  const auto told = parser_->content_length();
  const std::uint64_t most = core_.options.limits.body_bytes;
  if (told && *told == 0) return true;
  body_ = core_.body_of(bucket_, told ? std::min<std::uint64_t>(*told, most) : most);
  if (body_) return true;
  ++core_.counters.refused;
  respond(
      {503, "text/plain; charset=utf-8", "too much is being sent here\n", {{"Retry-After", "2"}}},
      false);
  return false;
}

inline bool connection::check_host(const std::string& authority_of_target) {
  const auto& head = parser_->get();
  const auto named = head.count(beast_http::field::host);
  if (named > 1 || (named == 0 && head.version() >= 11)) {
    refuse(400, "a request has one Host header");
    return false;
  }
  const auto& rules = core_.options.hosts;
  const auto host = head[beast_http::field::host];
  if ((named == 0 || rules.answers({host.data(), host.size()}, bound_)) &&
      (authority_of_target.empty() || rules.answers(authority_of_target, bound_)))
    return true;
  ++core_.counters.strange_hosts;
  trust::note_refusal(
      {"a client at " + peer_, "ask by another name", std::string_view(host.data(), host.size())});
  refuse(421, "this server does not answer to that name");
  return false;
}

inline void connection::say_continue() {
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_->write({asio::buffer(go_on)}, [self = shared_from_this()](error_code ec, std::size_t n) {
    if (self->is_gone_) return;
    if (ec || n < go_on.size()) return self->gone();
    self->parse();
  });
}

inline void connection::dispatch() {
  request_.body = std::move(parser_->get().body());
  ++requests_;
  ++core_.counters.requests;
  enter(state::answering, core_.options.limits.answer_ms);
  if (beast::websocket::is_upgrade(parser_->get())) return upgrade(request_);
  const responder reply(std::make_shared<responder::one_answer>(core_.io, weak_from_this()));
  try {
    if (core_.options.handle) return core_.options.handle(request_, reply);
    reply({404, "text/plain; charset=utf-8", "nothing is here\n", {}});
  } catch (const std::exception&) {
    reply({500, "text/plain; charset=utf-8", "internal error\n", {}});
  }
}

inline void connection::upgrade(const request& r) {
  if (core_.options.check_origin)
    if (const auto origin = r.header("Origin");
        origin && !core_.options.hosts.admits_origin(*origin, bound_)) {
      ++core_.counters.strange_hosts;
      trust::note_refusal({"a client at " + peer_, "connect from a page of", *origin});
      return respond({403, "text/plain", "pages of that origin may not connect\n", {}}, false);
    }
  std::variant<response, websocket_accept> answer =
      response{404, "text/plain", "no WebSocket is here\n", {}};
  try {
    if (core_.options.upgrade) answer = core_.options.upgrade(r);
  } catch (const std::exception&) {
    answer = response{500, "text/plain", "internal error\n", {}};
  }
  if (auto* refused = std::get_if<response>(&answer)) return respond(*refused, false);
  accept(std::move(std::get<websocket_accept>(answer)));
}

inline void connection::accept(websocket_accept how) {
  enter(state::websocket, core_.options.limits.header_ms);
  const auto ahead = in_.cdata();
  session_ = std::make_shared<websocket_session>(
      core_.io,
      stream_handle(*core_.io, stream_,
                    std::string(static_cast<const char*>(ahead.data()), ahead.size())),
      core_.options.limits.socket, peer_);
  in_.consume(in_.size());
  session_->ws().set_option(beast::websocket::stream_base::decorator(
      [subprotocol = how.subprotocol](beast::websocket::response_type& r) {
        if (!subprotocol.empty()) r.set(beast_http::field::sec_websocket_protocol, subprotocol);
      }));
  session_->ws().async_accept(
      parser_->get(), [self = shared_from_this(), open = std::move(how.open)](error_code ec) {
        if (self->is_gone_) return;
        if (ec || !open) return self->gone();
        ++self->deadline_;
        self->timer_.cancel();
        self->parser_.reset();
        ++self->core_.counters.websockets;
        const auto session = self->session_;
        websocket_events events;
        try {
          events = open(session);
        } catch (const std::exception&) {
          session->close(1011, "internal error");
        }
        session->begin(std::move(events), [self] { self->gone(); });
        if (self->core_.draining) session->close(1001, "the server stops");
      });
}

// --- one connection: answers -------------------------------------------------------------------

inline void connection::answer(response r) {
  if (is_gone_ || state_ != state::answering) return;
  const bool keep = parser_->get().keep_alive() && !core_.draining &&
                    requests_ < core_.options.limits.requests_per_connection;
  respond(r, keep);
}

inline void connection::refuse(int status, const std::string& why) {
  ++core_.counters.malformed;
  respond({status, "text/plain; charset=utf-8", why + "\n", {}}, false);
}

inline void connection::respond(const response& r, bool keep_alive) {
  head_out_ = head_of(r, keep_alive);
  body_out_ = request_.method == "HEAD" || r.status == 204 || r.status == 304 ? "" : r.body;
  written_ = 0;
  const auto more_ms = static_cast<int>(std::min<std::size_t>(body_out_.size() / 64, 3'600'000));
  enter(state::writing, core_.options.limits.write_ms + more_ms);
  write(keep_alive);
}

inline void connection::write(bool keep_alive) {
  std::vector<asio::const_buffer> rest;
  if (written_ < head_out_.size())
    rest = {asio::buffer(head_out_) + written_, asio::buffer(body_out_)};
  else
    rest = {asio::buffer(body_out_) + (written_ - head_out_.size())};
  stream_->write(std::move(rest),
                 [self = shared_from_this(), keep_alive](error_code ec, std::size_t n) {
                   if (self->is_gone_) return;
                   if (ec) return self->gone();
                   self->written_ += n;
                   if (self->written_ < self->head_out_.size() + self->body_out_.size())
                     return self->write(keep_alive);
                   self->body_.give_back();
                   self->head_out_.clear();
                   self->body_out_ = {};
                   if (keep_alive) return self->next_request();
                   self->linger();
                 });
}

// What is closed while bytes lie unread is reset, and the reset can overtake our answer.
inline void connection::linger() {
  enter(state::lingering, 1'000);
  stream_->finish([self = shared_from_this()](error_code) {
    if (!self->is_gone_) self->discard();
  });
}

inline void connection::discard() {
  in_.consume(in_.size());
  stream_->read(in_.prepare(4096), [self = shared_from_this()](error_code ec, std::size_t n) {
    if (self->is_gone_) return;
    self->lingered_ += n;
    if (ec || self->lingered_ > 256 * 1024) return self->gone();
    self->discard();
  });
}

}  // namespace hocket::http
