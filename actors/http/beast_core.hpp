// Included by beast.cpp alone.
#pragma once

#include <map>
#include <memory>

#include "actors/http/beast_websocket.hpp"
#include "actors/http/server.hpp"
#include "graph/trust/budget.hpp"

namespace hocket::http {

class connection;

/// What the connections of one server share. Used on the server's thread only, but for `counters`.
class server_core {
 public:
  explicit server_core(server_options o)
      : options(std::move(o)),
        kept_counters(options.counters ? options.counters : std::make_shared<server_counters>()),
        counters(*kept_counters),
        budget_(std::make_unique<trust::budget>(std::map<trust::spends, trust::spending_limit>{
            {trust::spends::connections,
             {.of_each = static_cast<std::uint64_t>(options.limits.connections_per_address),
              .of_all = static_cast<std::uint64_t>(options.limits.connections)}},
            {trust::spends::bytes, {.of_all = options.limits.all_bodies_bytes}}})) {}

  /// Makes room where a limit is reached; empty: there is nobody who could give way.
  trust::budget::share admit(const std::string& bucket);
  /// A body of that many bytes at most; empty: too much is being read.
  trust::budget::share body_of(const std::string& bucket, std::uint64_t bytes) {
    return budget_->take(bucket, trust::spends::bytes, bytes);
  }
  void enter(const std::shared_ptr<connection>& c);
  void leave(const connection& c);
  /// No further requests; see server::stop.
  void drain();
  void cut_all();
  bool is_empty() const { return all_.empty(); }

  const server_options options;
  const std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
  const std::shared_ptr<server_counters> kept_counters;
  server_counters& counters;
  std::optional<asio::ssl::context> tls;
  bool draining = false;
  std::function<void()> emptied;  ///< after the last one left
  std::function<void()> freed;    ///< after each that left

 private:
  bool displace(const std::string* bucket);

  std::map<const connection*, std::shared_ptr<connection>> all_;
  std::unique_ptr<trust::budget> budget_;
};

}  // namespace hocket::http
