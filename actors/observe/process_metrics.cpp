#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "actors/observe/exposition.hpp"
#include "actors/observe/metrics_text.hpp"

namespace hocket::observe {
namespace {

/// Seconds since 1970 when this process began; 0 where /proc does not tell.
double process_start_s() {
  std::ifstream stat("/proc/self/stat"), machine("/proc/stat");
  std::string line, word;
  std::getline(stat, line);
  // The name in brackets may hold spaces: fields are counted from its end. Field 22, in ticks.
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 1, line.size())));
  for (int i = 0; i < 20; ++i) fields >> word;
  double booted = 0;
  while (std::getline(machine, line))
    if (line.rfind("btime ", 0) == 0) booted = std::stod(line.substr(6));
  if (word.empty() || booted == 0) return 0;
  return booted + std::stod(word) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double open_files() {
  auto* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double n = -1;  // the one that looks
  while (const auto* entry = readdir(folder))
    if (entry->d_name[0] != '.') ++n;
  closedir(folder);
  return n;
}

}  // namespace

std::string process_metrics() {
  exposition out;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  out.family("process_cpu_seconds_total", "counter", "User and system time.");
  out.sample({}, seconds(used.ru_utime) + seconds(used.ru_stime));
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  out.family("process_virtual_memory_bytes", "gauge", "Virtual memory.");
  out.sample({}, static_cast<double>(pages) * page_bytes);
  out.family("process_resident_memory_bytes", "gauge", "Resident memory.");
  out.sample({}, static_cast<double>(resident) * page_bytes);
  out.family("process_open_fds", "gauge", "Open file descriptors.");
  out.sample({}, open_files());
  static const double began_s = process_start_s();
  out.family("process_start_time_seconds", "gauge", "When the process began, since 1970.");
  out.sample({}, began_s);
  return std::move(out).text();
}

}  // namespace hocket::observe
