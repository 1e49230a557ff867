#include "tests/fault/plugin/faulty.hpp"

#include "graph/contract/plugin.hpp"

HOCKET_PLUGIN(faulty) {
  HOCKET_TRY(into.add(hocket::faulty::relay_type()));
  HOCKET_TRY(into.add(hocket::faulty::witness_type()));
  HOCKET_TRY(into.add(hocket::faulty::pulse_type()));
  HOCKET_TRY(into.add(hocket::faulty::pass_type()));
  return into.add(hocket::faulty::ledger_type());
}
