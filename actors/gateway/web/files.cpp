#include "actors/gateway/web/files.hpp"

namespace hocket::gateway::web {
namespace {

constexpr file all[] = {
#include "actors/gateway/web/all.inc"
};

}  // namespace

std::span<const file> files() { return all; }

}  // namespace hocket::gateway::web
