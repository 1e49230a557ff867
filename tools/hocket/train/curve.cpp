#include "tools/hocket/train/curve.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
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

result<void> cut_curve(const std::string& folder, std::int64_t step) {
  const std::string path = folder + "/curve.csv";
  if (!std::filesystem::exists(path)) return {};
  std::string kept, line;
  {
    std::ifstream rows(path);
    if (!std::getline(rows, line)) return {};
    kept = line + "\n";
    bool any = false;
    while (std::getline(rows, line) && !rows.eof()) {  // a row without its end was cut short
      const auto n = std::strtoll(line.c_str(), nullptr, 10);
      if (n < 1 || n > step) continue;
      kept += line + "\n";
      any = true;
    }
    if (!any) kept.clear();  // the first row brings its head
  }
  if (kept.empty()) {
    std::error_code failed;
    if (std::filesystem::remove(path, failed); failed)
      return fail("train.io", path + ": " + failed.message());
    return {};
  }
  if (auto written = trust::write_file(path, kept); !written)
    return fail("train.io", written.error().message);
  return {};
}

}  // namespace hocket::cli
