#include "tools/hocket/train/curve.hpp"

#include <filesystem>
#include <sstream>

#include "graph/trust/files.hpp"

namespace hocket::cli {

result<void> append_curve(const std::string& folder, const train_progress& p) {
  const std::string path = folder + "/curve.csv";
  const bool fresh = !std::filesystem::exists(path);
  std::ostringstream out;
  if (fresh)
    out << "step,seconds,rate_scale,loss_text,loss_heard,loss_gate,loss_flow,word_recall,"
           "word_false,heard_recall,seconds_per_step\n";
  out << p.step << ',' << p.seconds << ',' << p.rate_scale << ',' << p.loss_text << ','
      << p.loss_heard << ',' << p.loss_gate << ',' << p.loss_flow << ',' << p.word_recall << ','
      << p.word_false << ',' << p.heard_recall << ',' << p.seconds_per_step << '\n';
  const auto file = trust::create_file(path, trust::create_as::appended);
  if (!file) return fail("train.io", file.error().message);
  return file->write(out.str());
}

}  // namespace hocket::cli
