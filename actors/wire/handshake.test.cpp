#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "actors/wire/address.hpp"
#include "actors/wire/handshake.hpp"
#include "actors/wire/keys.hpp"
#include "actors/wire/host_message_log.hpp"

using namespace hocket;
using namespace hocket::wire;
namespace fs = std::filesystem;

namespace {

const identity edge{"edge", 11, "graph1", "schema1", "boot", true};
const identity gpu{"gpu", 22, "graph1", "schema1", "boot", true};

struct folder {
  std::string path;
  folder() {
    std::string name = (fs::temp_directory_path() / "hocket-keys-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~folder() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("a handshake is refused with both values named") {
  auto h = hello_of(gpu, 0, "7401");
  CHECK_FALSE(refuse(edge, "gpu", h));
  SUBCASE("version") {
    h.protocol = 7;
    const auto r = refuse(edge, "gpu", h);
    REQUIRE(r);
    CHECK(r->code == "wire.wrong_version");
    CHECK(r->text ==
          "protocol version differs: edge has 2, gpu has 7; run the same release of "
          "hocket on both");
  }
  SUBCASE("graph") {
    h.graph_hash = "graph2";
    const auto r = refuse(edge, "gpu", h);
    REQUIRE(r);
    CHECK(r->code == "wire.wrong_graph");
    CHECK(r->text.find("edge has graph1, gpu has graph2") != std::string::npos);
  }
  SUBCASE("schema") {
    h.schema_hash = "";
    const auto r = refuse(edge, "gpu", h);
    REQUIRE(r);
    CHECK(r->code == "wire.wrong_schema");
    CHECK(r->text.find("edge has schema1, gpu has none") != std::string::npos);
  }
  SUBCASE("name") {
    h.host = "cpu\n\x1b[31m";
    const auto r = refuse(edge, "gpu", h);
    REQUIRE(r);
    CHECK(r->code == "wire.wrong_name");
    CHECK(r->text.find("`cpu??[31m`") != std::string::npos);
  }
}

TEST_CASE("the first place where two graphs differ is named, and no value") {
  const std::vector<graph_key> ours = {{"name", 1}, {"actors.mic", 2}, {"actors.mic.rate_hz", 3}};
  auto theirs = ours;
  const auto told = [&] { return first_difference(ours, theirs, "edge", "gpu"); };
  SUBCASE("a value") {
    theirs[1].digest = 7;
    theirs[2].digest = 8;
    CHECK(told() == "the first of 2 places that differ: `actors.mic`");
  }
  SUBCASE("what the other has not") {
    theirs.pop_back();
    CHECK(told() ==
          "the first of 1 place that differs: `actors.mic.rate_hz`, which edge has and gpu "
          "has not");
  }
  SUBCASE("what the other has besides, in whatever bytes") {
    theirs.push_back({"actors.ca\x1b[2Jm", 9});
    CHECK(told() ==
          "the first of 1 place that differs: `actors.ca?[2Jm`, which gpu has and edge has "
          "not");
  }
  SUBCASE("another order alone is no difference of a key") {
    std::swap(theirs[0], theirs[2]);
    CHECK(told().starts_with("every key reads the same"));
  }
  SUBCASE("a release that tells no keys") {
    theirs.clear();
    CHECK(told().empty());
  }
  auto us = edge;
  us.keys = std::make_shared<const std::vector<graph_key>>(ours);
  auto h = hello_of(gpu, 0, "");
  h.graph_hash = "graph2";
  h.keys = theirs;
  const auto no = refuse(us, "gpu", h);
  REQUIRE(no);
  CHECK(no->text.find(told()) != std::string::npos);
  CHECK(no->graph_hash == "graph1");
}

TEST_CASE("numbering goes on only where both ends still know the other") {
  CHECK(goes_on(edge, 22, hello_of(gpu, 11, "")));
  CHECK_FALSE(goes_on(edge, 0, hello_of(gpu, 11, "")));   // we are new to it
  CHECK_FALSE(goes_on(edge, 22, hello_of(gpu, 0, "")));   // it does not know us
  CHECK_FALSE(goes_on(edge, 21, hello_of(gpu, 11, "")));  // it is new
  CHECK_FALSE(goes_on(edge, 22, hello_of(gpu, 10, "")));  // it knew our predecessor
}

TEST_CASE("who connects: both ends agree, and one of them does") {
  for (const auto* a : {"", "tcp://h:1"})
    for (const auto* b : {"", "tcp://h:2"}) {
      const bool edge_connects = we_connect("edge", a, "gpu", b);
      const bool gpu_connects = we_connect("gpu", b, "edge", a);
      if (*a == 0 && *b == 0)
        CHECK((!edge_connects && !gpu_connects));
      else
        CHECK(edge_connects != gpu_connects);
    }
}

TEST_CASE("addresses") {
  CHECK(address::parse("tcp://10.0.0.5:7400")->data_lane().to_string() == "tcp://10.0.0.5:7401");
  CHECK(address::parse("tcp://[::1]:0")->data_lane().port == 0);
  CHECK(address::parse("ipc:///tmp/a")->data_lane().to_string() == "ipc:///tmp/a.data");
  CHECK(address::parse("tcp://127.0.0.1:1")->is_local());
  CHECK_FALSE(address::parse("tcp://0.0.0.0:1")->is_local());
  CHECK_FALSE(address::parse("tcp://*:1")->is_local());
  for (const auto* bad : {"", "tcp://", "tcp://:1", "tcp://h", "tcp://h:", "tcp://h:65536",
                          "tcp://h:-1", "tcp://h:1x", "udp://h:1", "ipc://"}) {
    CAPTURE(bad);
    const auto a = address::parse(bad);
    REQUIRE_FALSE(a);
    CHECK(a.error().code == "wire.bad_address");
    CHECK(a.error().message.find(std::string("`") + bad + "`") == 0);
  }
  // A peer cannot send us to a socket of its choice.
  CHECK_FALSE(address::parse("ipc:///tmp/a")->with_announced("/run/secret.sock"));
  CHECK_FALSE(address::parse("tcp://h:1")->with_announced("0"));
  CHECK(address::parse("tcp://h:1")->with_announced("77")->to_string() == "tcp://h:77");
}

TEST_CASE("keys: made, written with safe permissions, never replaced, read back") {
  const folder f;
  const auto keys = make_keys();
  REQUIRE(keys);
  CHECK(is_key(keys->public_key));
  CHECK(*public_key_of(keys->secret_key) == keys->public_key);
  const fs::path keys_folder = fs::path(f.path) / "keys";
  REQUIRE(write_keys(keys_folder, "edge", *keys));
  struct stat info {};
  stat((keys_folder / "edge.key").c_str(), &info);
  CHECK((info.st_mode & 0777) == 0600);
  stat((keys_folder / "edge.pub").c_str(), &info);
  CHECK((info.st_mode & 0777) == 0644);
  stat(keys_folder.c_str(), &info);
  CHECK((info.st_mode & 0777) == 0700);
  CHECK((*read_secret_key(keys_folder / "edge.key") == keys->secret_key));
  CHECK(*read_public_key(keys_folder / "edge.pub") == keys->public_key);

  const auto again = write_keys(keys_folder, "edge", *make_keys());
  REQUIRE_FALSE(again);
  CHECK(again.error().code == "wire.bad_key");
  CHECK((*read_secret_key(keys_folder / "edge.key") == keys->secret_key));

  fs::permissions(keys_folder / "edge.key", fs::perms::group_read, fs::perm_options::add);
  const auto open = read_secret_key(keys_folder / "edge.key");
  REQUIRE_FALSE(open);
  CHECK(open.error().message.find("others can read this secret key (mode 0640)") !=
        std::string::npos);

  std::ofstream(keys_folder / "bad.pub") << "# a comment\nnot a key\n";
  CHECK_FALSE(read_public_key(keys_folder / "bad.pub"));
  CHECK_FALSE(read_public_key(keys_folder / "none.pub"));
  CHECK_FALSE(public_key_of("short"));
}

TEST_CASE("host messages arrive once, in order, and again after a reconnect") {
  host_message_log a, b;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(a.write({rewire_abort{static_cast<std::uint64_t>(i)}}, 0));
  }
  CHECK(*b.arrived(a.unconfirmed()[0]));
  CHECK_FALSE(*b.arrived(a.unconfirmed()[0]));  // a repeat
  CHECK_FALSE(b.arrived(a.unconfirmed()[2]));   // one is missing
  REQUIRE(a.ack(b.ack()));
  REQUIRE(a.unconfirmed().size() == 2);
  for (const auto& l : a.unconfirmed()) CHECK(*b.arrived(l));
  REQUIRE(a.ack(b.ack()));
  CHECK(a.unconfirmed().empty());
  CHECK_FALSE(a.ack({9}));
  for (std::size_t i = 0; i < host_message_log::unconfirmed_max; ++i) REQUIRE(a.write({}, 0));
  CHECK(a.write({}, 0) == nullptr);
}
