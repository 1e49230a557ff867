#include "actors/wire/local_keys.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <doctest/doctest.h>

namespace hocket::wire {

TEST_CASE("local keys: made once, the same for all processes of the user, nobody else's") {
  namespace fs = std::filesystem;
  auto name = (fs::temp_directory_path() / "hocket-local-XXXXXX").string();
  const fs::path at = mkdtemp(name.data());
  const auto folder = (at / "keys").string();
  const auto edge = local_keys("edge", folder);
  REQUIRE(edge);
  CHECK(is_key(std::string(edge->secret_key.exposed())));
  CHECK(public_key_of(edge->secret_key).value() == edge->public_key);
  CHECK((local_keys("edge", folder)->secret_key == edge->secret_key));
  CHECK(!(local_keys("gpu", folder)->secret_key == edge->secret_key));
  CHECK(local_keys("../gpu", folder));
  for (const auto& file : fs::recursive_directory_iterator(at)) {
    struct stat info {};
    REQUIRE(lstat(file.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 077) == 0);
    CHECK((file.path() == folder || file.path().parent_path() == folder));
  }
  // What others could have written is no key.
  chmod((at / "keys/edge.key").c_str(), 0622);
  CHECK(local_keys("edge", folder).error().code == "wire.bad_key");
  if (geteuid() == 0) {
    REQUIRE(chown((at / "keys/gpu.key").c_str(), 4243, 4243) == 0);
    CHECK(!local_keys("gpu", folder));
    REQUIRE(chown(folder.c_str(), 4243, 4243) == 0);
    CHECK(!local_keys("new", folder));
  }
  fs::remove_all(at);
}

}  // namespace hocket::wire
