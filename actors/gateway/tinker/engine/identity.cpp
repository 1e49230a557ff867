#include "actors/gateway/tinker/engine/identity.hpp"

#include <algorithm>

#include "actors/http/digest.hpp"

namespace hocket::tinker {

result<worker_identity> identity_of(const served_model& model, const std::string& precision) {
  auto sum = model.sha256();
  if (!sum) return fail(sum);
  // Many rows at once, then one: both kinds of products.
  std::vector<std::int32_t> prompt;
  const auto most = std::min<std::int64_t>(24, model.context() - 1);
  for (std::int64_t i = 0; i < most; ++i)
    prompt.push_back(static_cast<std::int32_t>(i * 7919 % model.config.vocabulary));
  language::language_sequence sequence(model.model);
  std::string bytes;
  for (const auto& part : {prompt, std::vector<std::int32_t>{0}}) {
    const auto scores = sequence.append(part);
    if (!scores) return fail(scores);
    bytes.append(reinterpret_cast<const char*>(scores->data()), scores->size() * sizeof(float));
  }
  return worker_identity{std::move(*sum), precision, model.context(), model.config.vocabulary,
                         http::sha256_hex(bytes)};
}

}  // namespace hocket::tinker
