#include "actors/policy/judge/hidden_states.hpp"

namespace hocket::policy {

result<std::shared_ptr<hidden_states>> open_hidden_states(const states_settings&) {
  return fail("language.no_engine",
              "this build has no engine: `language_model` of a policy.judge needs one");
}

}  // namespace hocket::policy
