#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "actors/process/child_main.hpp"
#include "actors/process/processes.hpp"
#include "tests/fault/own_process/rogue.hpp"

int main(int argc, char** argv) {
  if (hocket::process::is_child(argc, argv))
    return hocket::process::child_main(
        {[](const auto&) -> hocket::result<hocket::registry> { return hocket::rogue::types(); }});
  hocket::process::use_processes({});
  return doctest::Context(argc, argv).run();
}
