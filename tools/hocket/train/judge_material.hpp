// What heads of policy.judge are made of, from the files that a command line names.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "actors/policy/rules.hpp"
#include "tools/hocket/train/train_judge.hpp"
#include "tools/report/measures.hpp"
#include "tools/safety/cases.hpp"
#include "tools/safety/families.hpp"
#include "tools/safety/judge.hpp"

namespace hocket::cli {

/// A file that a head is made of, with its sum.
struct judge_source {
  std::string path, text;
  std::string named() const;
};
/// *Errors*: those of trust::read_given_file.
result<judge_source> read_judge_source(const std::string& path);

struct judge_material {
  policy::rules rules;
  safety::families patterns;
  safety::lines more;
  safety::case_set held_out;
  std::vector<judge_source> files;
};
/// *Errors*: safety.bad_families, policy.bad_case, those of the files.
result<judge_material> judge_material_of(const judge_options& o);

safety::lines joined(std::initializer_list<const safety::lines*> all);
report::measure measure_of(const std::string& name, const safety::share& s);

}  // namespace hocket::cli
