#include "tools/hocket/say.hpp"

#include "graph/text/clean.hpp"
#include "graph/trust/redaction.hpp"

namespace hocket::cli {

void print_clean(std::FILE* to, std::string_view text) {
  const auto clean = clean_text(trust::redacted(std::string(text)));
  std::fwrite(clean.data(), 1, clean.size(), to);
}

int tell(const error& e, int code, std::FILE* to) {
  say(to, "error: {} [{}]\n", e.message, e.code);
  return code;
}

}  // namespace hocket::cli
