#include "tools/hocket/process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fmt/format.h>

namespace hocket::cli {

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = (std::filesystem::path(folder) / name).string();
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

result<process_output> run_process(const std::vector<std::string>& arguments,
                                   const std::string& input) {
  const auto program = find_program(arguments.front());
  if (program.empty())
    return fail("process.not_found", fmt::format("`{}` is not installed", arguments.front()));
  int to[2], from[2];
  if (pipe(to) != 0 || pipe(from) != 0) return fail("process.failed", std::strerror(errno));
  const pid_t child = fork();
  if (child < 0) return fail("process.failed", std::strerror(errno));
  if (child == 0) {
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    for (int fd : {to[0], to[1], from[0], from[1]}) close(fd);
    std::vector<char*> words;
    for (const auto& a : arguments) words.push_back(const_cast<char*>(a.c_str()));
    words.push_back(nullptr);
    execv(program.c_str(), words.data());
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  // A child that closes its input early must not end us.
  const auto old = std::signal(SIGPIPE, SIG_IGN);
  std::thread feeder([&] {
    std::size_t at = 0;
    while (at < input.size()) {
      const auto n = write(to[1], input.data() + at, input.size() - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    close(to[1]);
  });
  process_output result;
  char block[65536];
  for (ssize_t n; (n = read(from[0], block, sizeof block)) > 0;)
    result.out.append(block, static_cast<std::size_t>(n));
  close(from[0]);
  feeder.join();
  std::signal(SIGPIPE, old);
  int status = 0;
  waitpid(child, &status, 0);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::string shell_word(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || (c != 0 && std::strchr("_-./:=@%+,", c) != nullptr);
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  // A line of a shell must stay one line: control characters go into $'…', which bash, zsh and
  // ksh read.
  const bool control =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  std::string out = control ? "$'" : "'";
  for (const unsigned char c : text) {
    if (control && (c < 0x20 || c == 0x7f))
      out += fmt::format("\\x{:02x}", static_cast<int>(c));
    else if (control && (c == '\'' || c == '\\'))
      out += fmt::format("\\{}", static_cast<char>(c));
    else if (c == '\'')
      out += "'\\''";
    else
      out += static_cast<char>(c);
  }
  return out + "'";
}

}  // namespace hocket::cli
