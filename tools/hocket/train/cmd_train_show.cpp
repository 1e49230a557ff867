// hocket train show: what a run that trained came to.
#include "tools/hocket/say.hpp"
#include "tools/hocket/commands.hpp"
#include "tools/hocket/train/show.hpp"
#include "tools/report/learning.hpp"

namespace hocket::cli {

int run_train_show(const show_options& o) {
  std::vector<std::string> files = {o.out};
  if (o.out.empty()) files = {o.folder + "/learning.svg", o.folder + "/learning.png"};
  for (const auto& file : files)
    if (const auto done = report::draw_learning(o.folder, file); !done)
      return tell(done.error(), exit_bad_input);
  report::measures out;
  const auto talk = report::add_learning(o.folder, out);
  if (!o.json)
    for (const auto& file : files) say("{}\n", file);
  return talk ? out.print(o.json) : exit_fine;
}

}  // namespace hocket::cli
