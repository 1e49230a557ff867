#include "actors/distributed/wire_transport.hpp"

namespace hocket::distributed {
namespace {

class wire_transport final : public transport {
 public:
  explicit wire_transport(std::unique_ptr<wire::node> n) : node_(std::move(n)) {}
  void begin() override { node_->begin(); }
  wire::sent_how send(std::uint32_t link, const packet& p) override { return node_->send(link, p); }
  std::optional<writable_buffer> allocate(std::uint32_t link, std::size_t size_bytes) override {
    return node_->allocate(link, size_bytes);
  }
  bool send_control(const std::string& peer, wire::host_message m) override {
    return node_->send_control(peer, std::move(m));
  }
  void consumed(std::uint32_t link, std::uint32_t packets) override {
    node_->consumed(link, packets);
  }
  result<void> add_link(const wire::remote_link& link) override { return node_->add_link(link); }
  void open_link(std::uint32_t link) override { node_->open_link(link); }
  void change_link(const wire::remote_link& link) override { node_->change_link(link); }
  void retire_link(std::uint32_t link) override { node_->retire_link(link); }
  void set_graph(const std::string& hash, const std::string& note) override {
    node_->set_graph(hash, note);
  }
  bool flush(int limit_ms) override { return node_->flush(limit_ms); }
  wire::node_status status() const override { return node_->status(); }
  std::string listening() const override { return node_->listening(); }

 private:
  std::unique_ptr<wire::node> node_;
};

}  // namespace

result<std::unique_ptr<transport>> open_wire(wire::node_options options,
                                             wire::node_events& events) {
  auto made = wire::node::open(std::move(options), events);
  if (!made) return fail(made);
  return std::make_unique<wire_transport>(std::move(*made));
}

}  // namespace hocket::distributed
