#include <cctype>
#include <set>
#include <sstream>

#include "plugins/asr_pocketsphinx/recognizer.hpp"

namespace hocket::asr_pocketsphinx {

// Whatever is no comment, header, rule name, tag, weight or sign is a word.
std::vector<std::string> words_of_grammar(const std::string& jsgf) {
  std::set<std::string> words;
  std::string word;
  bool header = false;  // `grammar NAME;`
  const auto finish = [&] {
    if (word == "grammar")
      header = true;
    else if (!word.empty() && word != "public" && !header)
      words.insert(word);
    word.clear();
  };
  const auto skip_to = [&](std::size_t& i, const char* end) {
    const auto at = jsgf.find(end, i + 1);
    i = at == jsgf.npos ? jsgf.size() : at;
  };
  for (std::size_t i = 0; i < jsgf.size(); ++i) {
    const char c = jsgf[i];
    const char next = i + 1 < jsgf.size() ? jsgf[i + 1] : ' ';
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '\'' || c == '_' || c == '-') {
      word += c;
      continue;
    }
    finish();
    if (c == ';') header = false;
    if (c == '#') skip_to(i, ";");  // #JSGF V1.0;
    if (c == '/' && next == '/') {
      skip_to(i, "\n");
    } else if (c == '/' && next == '*') {
      skip_to(i, "*/");
      ++i;
    } else if (c == '/') {
      skip_to(i, "/");
    } else if (c == '<') {
      skip_to(i, ">");
    } else if (c == '{') {
      skip_to(i, "}");
    }
  }
  finish();
  return {words.begin(), words.end()};
}

std::vector<std::string> words_of_arpa(const std::string& arpa) {
  std::set<std::string> words;
  std::istringstream lines(arpa);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("\\")) {
      inside = line.starts_with("\\1-grams:");
      continue;
    }
    std::istringstream fields(line);
    std::string probability, word;
    if (inside && fields >> probability >> word && !word.starts_with("<")) words.insert(word);
  }
  return {words.begin(), words.end()};
}

}  // namespace hocket::asr_pocketsphinx
