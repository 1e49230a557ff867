// Completion for shells. The scripts are short and know nothing: they ask `hocket complete-words`,
// which reads the same parser as every command.
#include "tools/hocket/options.hpp"

#include <utility>
#include <vector>

#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

/// Printed alone where a file name may stand.
constexpr const char* files_too = ":files";

constexpr const char* bash_script =
    R"~~~(# hocket completion for bash: source <(hocket completion bash)
_hocket() {
  local IFS=$'\n' line
  local cur=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  # --out=DIR comes as three words: what stands behind `=` is a file name.
  if [[ $cur == "=" || ${COMP_WORDS[COMP_CWORD-1]} == "=" ]]; then
    COMPREPLY=($(compgen -f -- "${cur#=}"))
    compopt -o filenames 2>/dev/null
    return
  fi
  for line in $(hocket complete-words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    if [[ $line == :files ]]; then
      COMPREPLY+=($(compgen -f -- "$cur"))
      compopt -o filenames 2>/dev/null
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done
}
complete -F _hocket hocket
)~~~";

constexpr const char* zsh_script = R"~~~(#compdef hocket
# hocket completion for zsh: hocket completion zsh > a folder of $fpath, as _hocket
_hocket() {
  local line files=0
  local -a found
  for line in ${(f)"$(hocket complete-words -- "${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
    if [[ $line == :files ]]; then files=1; else found+=("${${line//:/\\:}/$'\t'/:}"); fi
  done
  (( $#found )) && _describe hocket found
  (( files )) && _files
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then _hocket "$@"; else compdef _hocket hocket; fi
)~~~";

constexpr const char* fish_script =
    R"~~~(# hocket completion for fish: hocket completion fish | source
function __hocket_words
    set -l words (commandline -opc) (commandline -ct)
    set -l found (hocket complete-words -- $words[2..-1] 2>/dev/null)
    for line in $found
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c hocket -f -a '(__hocket_words)'
)~~~";

/// Words that an argument of a command can be, where they are known.
std::vector<std::string> words_for(const std::string& command, std::size_t position) {
  if (position > 0) return {};
  if (command == "completion") return {"bash", "zsh", "fish"};
  if (command == "export") return {"systemd", "kubernetes"};
  if (command == "new") return {"component", "tool"};
  if (command == "list") return {"components", "tools"};
  if (command == "record") return {"info", "recover"};
  if (command == "bench") return {"all", "gateway", "hop", "session", "wire"};
  if (command == "eval") return {"closed-loop", "duplex"};
  if (command != "describe") return {};
  std::vector<std::string> out;
  if (const auto types = known_types()) {
    out = types->component_names();
    const auto tools = types->tool_names();
    out.insert(out.end(), tools.begin(), tools.end());
  }
  return out;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

class completer {
 public:
  completer(const CLI::App& app, std::string start) : at_(&app), start_(std::move(start)) {}

  /// A word before the one that is being written.
  void pass(const std::string& word) {
    if (std::exchange(wants_value_, false)) return;
    if (word.starts_with("-")) {
      const auto* option = at_->get_option_no_throw(word.substr(0, word.find('=')));
      wants_value_ =
          option != nullptr && option->get_items_expected_max() > 0 && word.find('=') == word.npos;
      return;
    }
    for (const auto* below : commands_of(*at_))
      if (below->get_name() == word) {
        at_ = below;
        command_ = word;
        arguments_ = 0;
        return;
      }
    ++arguments_;
  }

  void print() {
    if (wants_value_) return line(files_too, "");
    if (start_.starts_with("-")) {
      for (const auto* o : at_->get_options())
        for (const auto& name : o->get_lnames()) offer("--" + name, o->get_description());
      return;
    }
    if (command_.empty() || command_ == "help") {
      const auto* top = at_;
      while (top->get_parent() != nullptr) top = top->get_parent();
      for (const auto* sub : commands_of(*top))
        if (!sub->get_group().empty()) offer(sub->get_name(), sub->get_description());
      return;
    }
    const auto words = words_for(command_, arguments_);
    for (const auto& word : words) offer(word, "");
    if (words.empty() || command_ == "bench") line(files_too, "");
  }

 private:
  void offer(const std::string& word, const std::string& about) {
    if (word.starts_with(start_)) line(word, about);
  }
  static void line(const std::string& word, const std::string& about) {
    const auto first = about.substr(0, about.find('\n'));
    fmt::print("{}{}\n", word, first.empty() ? "" : "\t" + first);
  }

  const CLI::App* at_;
  std::string start_, command_;
  std::size_t arguments_ = 0;
  bool wants_value_ = false;
};

int complete_words(const CLI::App& app, std::vector<std::string> words) {
  if (words.empty()) words.emplace_back();
  completer c(app, words.back());
  words.pop_back();
  for (const auto& w : words) c.pass(w);
  c.print();
  return exit_fine;
}

}  // namespace

void add_completion(CLI::App& app, action& chosen) {
  static std::string shell;
  auto& sub = command(app, chosen, "completion", "A script that completes commands in a shell", [] {
    fmt::print("{}", shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script);
    return exit_fine;
  });
  sub.add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub.footer(
      "bash: source <(hocket completion bash), for good in ~/.bashrc\n"
      "zsh:  hocket completion zsh > DIR/_hocket, with DIR in $fpath\n"
      "fish: hocket completion fish > ~/.config/fish/completions/hocket.fish");
  static std::vector<std::string> words;
  auto& ask = command(app, chosen, "complete-words", "What a shell may complete",
                      [&app] { return complete_words(app, words); });
  ask.group("");  // not in the help
  ask.add_option("words", words, "The command line behind `hocket`, the last word unfinished");
}

}  // namespace hocket::cli
