#include "tools/report/read_run.hpp"

#include <algorithm>
#include <iterator>

#include "actors/record/rotation.hpp"

namespace hocket::report {

std::vector<fact> read_run(const std::string& path, int& skipped) {
  auto out = read_facts(path, skipped);
  const auto begins = [](const fact& f) { return f.what == fact::kind::start; };
  auto pieces = record::pieces_of(path);
  while (!pieces.empty() && std::none_of(out.begin(), out.end(), begins)) {
    int torn = 0;
    auto before = read_facts(pieces.back(), torn);
    skipped += torn;
    pieces.pop_back();
    out.insert(out.begin(), std::make_move_iterator(before.begin()),
               std::make_move_iterator(before.end()));
  }
  return out;
}

}  // namespace hocket::report
