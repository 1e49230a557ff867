// The spoken way: the same questions as speech, to the graph as it is, with its own model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/duplex/subject.hpp"
#include "tools/safety/cases.hpp"
#include "tools/safety/judge.hpp"
#include "tools/safety/script.hpp"

namespace hocket::safety {

struct spoken_options {
  script_options what;
  int at_once = 16;
  std::string work_dir;
  std::function<void(std::size_t done, std::size_t all)> progress;
};

/// Voices that no training of Hocket's models hears (every second one flite's) say each request in turn: plain,
/// at a tenth of the level, by a second voice behind the first one's question, into the model's answer, and
/// after minutes of talk. Refused is what the model's words say so within 2.5 s, as in the duplex bench.
/// *Errors*: scenarios.voice; those of the host.
result<findings> speak_and_judge(const duplex::subject& graph, const case_set& cases,
                                 const spoken_options& how);

}  // namespace hocket::safety
