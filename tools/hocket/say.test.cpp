#include "tools/hocket/say.hpp"

#include <doctest/doctest.h>

using namespace hocket;

TEST_CASE("an error is told with its code, and outside words in it move no cursor") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  const error e{"x.bad", "no model `\x1b[2Jevil\xe2\x80\xae`"};
  CHECK(cli::tell(e, 2, file) == 2);
  std::rewind(file);
  std::string told(200, '\0');
  told.resize(std::fread(told.data(), 1, told.size(), file));
  std::fclose(file);
  CHECK(told.starts_with("error: no model `"));
  CHECK(told.ends_with(" [x.bad]\n"));
  CHECK(told.find('\x1b') == told.npos);
  CHECK(told.find("\xe2\x80\xae") == told.npos);
}
