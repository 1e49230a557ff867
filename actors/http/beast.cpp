// The one translation unit that compiles Boost.Beast and Asio.

#include "actors/http/beast_client.hpp"
#include "actors/http/beast_server.hpp"
#include "actors/http/beast_serving.hpp"

namespace hocket::http {

void responder::operator()(response r) const { to_->give(std::move(r)); }

// --- all connections -------------------------------------------------------------------------

trust::budget::share server_core::admit(const std::string& bucket) {
  using trust::spends;
  auto place = budget_->take(bucket, spends::connections);
  if (place) return place;
  const auto here = static_cast<int>(budget_->held(bucket, spends::connections));
  const bool too_many_here = here >= options.limits.connections_per_address;
  if (!displace(too_many_here ? &bucket : nullptr)) return {};
  return budget_->take(bucket, spends::connections);
}

bool server_core::displace(const std::string* bucket) {
  std::shared_ptr<connection> longest;
  for (const auto& [key, c] : all_)
    if (c->gives_way() && (bucket == nullptr || c->bucket() == *bucket) &&
        (!longest || c->since() < longest->since()))
      longest = c;
  if (!longest) return false;
  ++counters.displaced;
  longest->cut();
  return true;
}

void server_core::enter(const std::shared_ptr<connection>& c) {
  ++counters.accepted;
  ++counters.open;
  all_.emplace(c.get(), c);
}

void server_core::leave(const connection& c) {
  if (all_.erase(&c) == 0) return;
  --counters.open;
  if (freed) freed();
  if (all_.empty() && emptied) emptied();
}

void server_core::drain() {
  draining = true;
  const auto now = all_;
  for (const auto& [key, c] : now) c->drain();
}

void server_core::cut_all() {
  const auto now = all_;
  for (const auto& [key, c] : now) c->cut();
}

// --- one connection: its life ------------------------------------------------------------------

void connection::enter(state s, int limit_ms) {
  state_ = s;
  since_ = std::chrono::steady_clock::now();
  const int mine = ++deadline_;
  timer_.expires_after(std::chrono::milliseconds(limit_ms));
  timer_.async_wait([self = shared_from_this(), mine](error_code ec) {
    if (ec || self->is_gone_ || mine != self->deadline_) return;
    if (self->state_ != state::lingering) ++self->core_.counters.timed_out;
    self->cut();
  });
}

bool connection::gives_way() const {
  if (state_ == state::writing)
    return std::chrono::steady_clock::now() - since_ > std::chrono::seconds(1);
  return state_ != state::answering && state_ != state::websocket;
}

void connection::gone() {
  if (std::exchange(is_gone_, true)) return;
  ++deadline_;
  timer_.cancel();
  error_code ignored;
  if (undecided_) undecided_->close(ignored);
  if (stream_) stream_->close();
  session_.reset();
  place_.give_back();
  body_.give_back();
  core_.leave(*this);
}

void connection::cut() {
  if (state_ != state::websocket) return gone();
  stream_->close();  // the pending read ends it, and tells its owner
}

void connection::drain() {
  if (state_ == state::waiting) return gone();
  if (session_) session_->close(1001, "the server stops");
}

void connection::start(tcp::socket s) {
  enter(state::waiting, core_.options.limits.idle_ms);
  undecided_ = std::make_shared<tcp::socket>(std::move(s));
  if (!core_.tls) return serve(std::make_shared<socket_stream>(std::move(*undecided_)), false);
  undecided_->async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
    if (self->is_gone_) return;
    char first = 0;
    auto& socket = *self->undecided_;
    if (ec || socket.receive(asio::buffer(&first, 1), tcp::socket::message_peek, ec) == 0)
      return self->gone();
    constexpr char tls_handshake_record = 0x16;
    if (first != tls_handshake_record) {
      if (!self->core_.options.plain_too) return self->gone();
      return self->serve(std::make_shared<socket_stream>(std::move(socket)), false);
    }
    self->enter(state::head, self->core_.options.limits.header_ms);
    auto tls = std::make_shared<tls_stream>(std::move(socket), *self->core_.tls);
    self->stream_ = tls;
    tls->ssl().async_handshake(asio::ssl::stream_base::server, [self, tls](error_code failed) {
      if (self->is_gone_) return;
      if (failed) return self->gone();
      self->serve(tls, true);
    });
  });
}

void connection::serve(std::shared_ptr<byte_stream> s, bool is_tls) {
  undecided_.reset();
  stream_ = std::move(s);
  is_tls_ = is_tls;
  next_request();
}

void connection::next_request() {
  if (core_.draining) return gone();
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(core_.options.limits.header_bytes));
  parser_->body_limit(core_.options.limits.body_bytes);
  parser_->eager(false);
  request_ = {};
  head_checked_ = false;
  if (in_.size() == 0) {
    enter(state::waiting, core_.options.limits.idle_ms);
    return read();
  }
  enter(state::head, core_.options.limits.header_ms);
  parse();
}

void connection::read() {
  stream_->read(in_.prepare(4096), [self = shared_from_this()](error_code ec, std::size_t n) {
    if (self->is_gone_) return;
    if (ec) return self->gone();
    self->in_.commit(n);
    if (self->state_ == state::waiting)
      self->enter(state::head, self->core_.options.limits.header_ms);
    self->parse();
  });
}

// --- what others call ----------------------------------------------------------------------------

server::server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
server::~server() = default;

result<std::unique_ptr<server>> server::start(server_options o) {
  auto at = parse_address(o.address);
  if (!at) return fail(at);
  const bool is_tls_only = o.tls && !o.plain_too;
  std::unique_ptr<server> made(new server(std::make_unique<impl>(std::move(o))));
  const auto port = made->impl_->listen(*at);
  if (!port) return fail(port);
  at->port = made->port_ = *port;
  made->url_ = at->url();
  if (is_tls_only) made->url_.replace(0, 4, "https");
  return made;
}

const server_counters& server::counters() const { return impl_->counters(); }
void server::stop(int drain_ms) { impl_->stop(drain_ms); }

std::string answers_to(const server_options& o, std::string_view sent, std::size_t piece) {
  server_core core(o);
  std::string out;
  const auto c = std::make_shared<connection>(core, "127.0.0.1", "127.0.0.1", "127.0.0.1");
  core.enter(c);
  c->serve(std::make_shared<memory_stream>(*core.io, sent, piece, out), false);
  // All time-outs of a connection together are shorter than this.
  core.io->run_for(std::chrono::seconds(20));
  core.cut_all();
  core.io->run_for(std::chrono::seconds(1));
  return out;
}

websocket_client::websocket_client() : impl_(std::make_unique<impl>()) {}
websocket_client::~websocket_client() = default;
void websocket_client::connect(websocket_target to, opened then) {
  impl_->connect(std::move(to), std::move(then));
}

}  // namespace hocket::http
