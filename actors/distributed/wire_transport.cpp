#include "actors/distributed/wire_transport.hpp"

#include <map>

#include "graph/schema/codec.hpp"
#include "graph/spec/hash.hpp"

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
  void set_next_graph(const std::string& hash) override { node_->set_next_graph(hash); }
  bool flush(int limit_ms) override { return node_->flush(limit_ms); }
  wire::node_status status() const override { return node_->status(); }
  std::string listening() const override { return node_->listening(); }

 private:
  std::unique_ptr<wire::node> node_;
};

/// What a Hello may carry of keys: a control message takes 1 MiB, and names are the graph's.
constexpr std::size_t keys_bytes_max = 256u << 10, bytes_beside_name = 16;

}  // namespace

std::vector<wire::graph_key> told_keys(const plan& graph) {
  std::vector<wire::graph_key> out;
  std::size_t bytes = 0;
  for (auto& k : spec::keys_of(graph, wire::graph_keys_max)) {
    bytes += k.name.size() + bytes_beside_name;
    if (bytes > keys_bytes_max) break;
    out.push_back({std::move(k.name), k.digest});
  }
  return out;
}

wire::node_options reach_peers(const host_plan& local, const host_options& mine) {
  wire::node_options o;
  o.name = local.host;
  o.secret_key = mine.secret_key;
  // One graph, and one way of keeping time: a host in virtual time has nothing to say to others.
  o.graph_hash = local.whole.hash;
  o.schema_hash = wire::schema_hash();
  o.keys = told_keys(local.whole);
  std::map<std::string, plan_host> hosts;
  for (const auto& h : local.whole.hosts) hosts[h.name] = h;
  o.listen = mine.listen.empty() ? hosts[local.host].listen : mine.listen;
  o.insecure = hosts[local.host].insecure;
  o.shared_memory = hosts[local.host].shared_memory;
  for (const auto& name : local.peers) {
    wire::peer_options p;
    p.name = name;
    const auto given = mine.peer_addresses.find(name);
    const auto& theirs = given == mine.peer_addresses.end() ? hosts[name].listen : given->second;
    if (wire::we_connect(local.host, o.listen, name, theirs)) p.address = theirs;
    if (const auto key = mine.public_keys.find(name); key != mine.public_keys.end())
      p.public_key = key->second;
    o.peers.push_back(std::move(p));
  }
  return o;
}

result<std::unique_ptr<transport>> open_wire(wire::node_options options,
                                             wire::node_events& events) {
  auto made = wire::node::open(std::move(options), events);
  if (!made) return fail(made);
  return std::make_unique<wire_transport>(std::move(*made));
}

}  // namespace hocket::distributed
