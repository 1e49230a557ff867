#include "actors/host/actor/own_words.hpp"

#include "graph/text/clean.hpp"

namespace hocket::host {

std::string own_words(std::string_view said, std::size_t limit) {
  return clean_text(cut_text(std::string(said), limit));
}

error own_words(const error& said) {
  constexpr std::size_t longest_code = 100;
  auto code = own_words(said.code, longest_code);
  auto message = own_words(said.message);
  return {code.empty() ? "host.no_code" : std::move(code),
          message.empty() ? "it gave no reason" : std::move(message)};
}

}  // namespace hocket::host
