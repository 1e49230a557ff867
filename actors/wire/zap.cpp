#include "actors/wire/zap.hpp"

#include <zmq.h>

#include <vector>

#include "graph/core/assert.hpp"
#include "graph/trust/audit.hpp"

namespace hocket::wire {
namespace {

/// All parts of the next message; empty where there is none.
std::vector<std::string> receive(void* socket) {
  std::vector<std::string> parts;
  for (;;) {
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&m);
      return {};
    }
    parts.emplace_back(static_cast<const char*>(zmq_msg_data(&m)), zmq_msg_size(&m));
    const bool more = zmq_msg_more(&m) != 0;
    zmq_msg_close(&m);
    if (!more) return parts;
  }
}

void send(void* socket, const std::vector<std::string>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i)
    zmq_send(socket, parts[i].data(), parts[i].size(),
             ZMQ_DONTWAIT | (i + 1 < parts.size() ? ZMQ_SNDMORE : 0));
}

}  // namespace

zap_handler::zap_handler(zmq_context& context, std::map<std::string, std::string> allowed)
    : socket_(::zmq_socket(context.get(), ZMQ_REP)),
      stop_(::zmq_socket(context.get(), ZMQ_PAIR)),
      stopped_(::zmq_socket(context.get(), ZMQ_PAIR)),
      allowed_(std::move(allowed)) {
  HOCKET_ASSERT(zmq_bind(socket_, "inproc://zeromq.zap.01") == 0);
  HOCKET_ASSERT(zmq_bind(stopped_, "inproc://hocket.zap.stop") == 0);
  HOCKET_ASSERT(zmq_connect(stop_, "inproc://hocket.zap.stop") == 0);
  thread_ = std::thread([this] { loop(); });
}

zap_handler::~zap_handler() {
  zmq_send(stop_, "", 0, 0);
  thread_.join();
  zmq_close(stop_);
}

void zap_handler::loop() {
  for (;;) {
    zmq_pollitem_t items[] = {{socket_, 0, ZMQ_POLLIN, 0}, {stopped_, 0, ZMQ_POLLIN, 0}};
    zmq_poll(items, 2, -1);
    if ((items[1].revents & ZMQ_POLLIN) != 0) break;
    // Version, request, domain, address, routing id, mechanism, credentials.
    const auto q = receive(socket_);
    if (q.empty()) continue;
    std::string name;
    if (q.size() == 7 && q[0] == "1.0" && q[5] == "CURVE" && q[6].size() == 32) {
      char key[41];
      zmq_z85_encode(key, reinterpret_cast<const std::uint8_t*>(q[6].data()), 32);
      if (const auto found = allowed_.find(key); found != allowed_.end()) name = found->second;
    }
    if (name.empty()) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      trust::note_refusal({"a stranger at " + (q.size() > 3 ? q[3] : std::string("?")), "join", "",
                           "its key is not among the hosts of the graph"});
    }
    send(socket_, {"1.0", q.size() > 1 ? q[1] : "", name.empty() ? "400" : "200",
                   name.empty() ? "this key is not among the hosts of the graph" : "OK", name, ""});
  }
  zmq_close(socket_);
  zmq_close(stopped_);
}

}  // namespace hocket::wire
