#include "tests/fault/plugin/faulty.hpp"

#include "graph/contract/plugin.hpp"

HOCKET_PLUGIN(faulty) {
  HOCKET_TRY(into.add(hocket::faulty::relay_type()));
  return into.add(hocket::faulty::witness_type());
}
