#include "graph/trust/sealed/sealed.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "graph/trust/files.hpp"

using namespace hocket;
using namespace hocket::trust;

namespace {

const shared_secret key("00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF");
const shared_secret words("correct horse battery staple");

std::string sealed_file(const shared_secret& with, const std::vector<std::string>& parts) {
  const auto s = seal::fresh(with);
  REQUIRE(s);
  auto out = (*s)->head();
  std::uint64_t n = 0;
  for (const auto& p : parts) out += (*s)->close_all(n, p).value();
  return out;
}
std::string code(const result<std::string>& r) { return r ? "" : r.error().code; }

}  // namespace

TEST_CASE("what is sealed comes back with the same key alone") {
  for (const auto& with : {key, words}) {
    const auto file = sealed_file(with, {"hello ", std::string(3 << 20, 'x'), "end"});
    CHECK(is_sealed(file));
    CHECK(file.find("hello") == file.npos);
    CHECK(unsealed(file, with).value() == "hello " + std::string(3 << 20, 'x') + "end");
    CHECK(code(unsealed(file, shared_secret("another key of words"))) == "seal.wrong_key");
    CHECK(code(unsealed(file, shared_secret(std::string(64, 'a')))) == "seal.wrong_key");
    CHECK(code(unsealed(file, {})) == "seal.needs_key");
  }
  // Nothing repeats: two files of the same bytes have nothing in common.
  const auto a = sealed_file(key, {"same"}), b = sealed_file(key, {"same"});
  CHECK(a.substr(16) != b.substr(16));
}

TEST_CASE("a torn file is whole up to the last whole frame; parts follow each other") {
  const auto first = sealed_file(key, {"one\n"}), file = first + sealed_file(key, {"two\n", "3\n"});
  for (std::size_t n = 0; n <= file.size(); ++n) {
    const auto text = unsealed(std::string_view(file).substr(0, n), key);
    if (n > 0 && n < sealed_head_bytes) continue;  // told below
    REQUIRE_MESSAGE(text, n);
    CHECK(std::string_view("one\ntwo\n3\n").starts_with(*text));
    if (n >= first.size()) CHECK(text->starts_with("one\n"));
  }
  CHECK(unsealed(file, key).value() == "one\ntwo\n3\n");
}

TEST_CASE("each changed bit, and each frame out of its place, is found") {
  const auto file = sealed_file(key, {"one", "two"});
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto other = file;
    other[i] = static_cast<char>(other[i] ^ 1);
    const auto text = unsealed(other, key);
    // A size that grew reads as a torn tail; the bytes before are as they were.
    CHECK((!text || std::string_view("onetwo").starts_with(*text)));
    CHECK((!text || text->size() < 6 || (i > 8 && i < 16)));
  }
  const auto s = seal::of(key, file);
  REQUIRE(s);
  const auto a = (*s)->close(0, "a").value(), b = (*s)->close(1, "b").value();
  CHECK(unsealed((*s)->head() + a + b, key).value() == "ab");
  CHECK(code(unsealed((*s)->head() + b + a, key)) == "seal.damaged");
  CHECK(code(unsealed((*s)->head() + b, key)) == "seal.damaged");
  CHECK(code(unsealed((*s)->head() + a + a, key)) == "seal.damaged");
}

TEST_CASE("the key comes from a variable or a private file, and is never quoted") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hocket-seal-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto path = (folder / "key").string();
  ::unsetenv("HOCKET_SEAL_KEY");
  ::unsetenv("HOCKET_SEAL_KEY_FILE");
  CHECK(sealing_key().value().empty());
  ::setenv("HOCKET_SEAL_KEY", "hunter2", 1);
  const auto bad = sealing_key();
  REQUIRE(!bad);
  CHECK(bad.error().code == "seal.bad_key");
  CHECK(bad.error().message.find("hunter2") == std::string::npos);
  ::unsetenv("HOCKET_SEAL_KEY");
  ::setenv("HOCKET_SEAL_KEY_FILE", path.c_str(), 1);
  CHECK(!sealing_key());
  { std::ofstream(path) << key.exposed() << "\n"; }
  ::chmod(path.c_str(), 0644);
  REQUIRE(!sealing_key());
  CHECK(sealing_key().error().message.find("chmod 600") != std::string::npos);
  ::chmod(path.c_str(), 0600);
  CHECK((sealing_key().value() == key));
  REQUIRE(write_file((folder / "plain").string(), "plain"));
  REQUIRE(write_file((folder / "sealed").string(), sealed_file(key, {"told"})));
  CHECK(read_maybe_sealed((folder / "plain").string()).value() == "plain");
  CHECK(read_maybe_sealed((folder / "sealed").string()).value() == "told");
  ::unsetenv("HOCKET_SEAL_KEY_FILE");
  CHECK(code(read_maybe_sealed((folder / "sealed").string())) == "seal.needs_key");
  std::filesystem::remove_all(folder);
  forget_secrets();
}
