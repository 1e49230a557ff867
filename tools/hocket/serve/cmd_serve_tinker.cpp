#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

#include "actors/gateway/tinker/read_keys.hpp"
#include "actors/gateway/tinker/service.hpp"
#include "actors/governance/process_book.hpp"
#include "engine/language/packages/packages.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/serve/commands.hpp"
#include "tools/hocket/signals.hpp"

namespace hocket::cli {
int run_serve_tinker(const serve_tinker_options& o) {
  auto keys = tinker::read_api_keys(o.keys);
  if (!keys) return tell(keys.error(), exit_bad_input);
  if (!(o.alpha > 0)) return tell({"serve.bad_alpha", "--alpha must be above 0"}, exit_bad_input);
  const auto path = language::find_model(o.model);
  if (!path) return tell(path.error(), exit_bad_input);
  const auto names = o.names.empty() ? std::vector{tinker::own_name(*path)} : o.names;
  auto model = tinker::open_served_model(*path, names, o.context, o.precision);
  if (!model) return tell(model.error(), exit_bad_input);
  if (o.ledger.empty() && !o.policy.empty())
    return tell({"serve.no_ledger", "--policy needs a --ledger to judge by and to record in"},
                exit_bad_input);
  if (!o.ledger.empty())
    if (const auto follows = governance::process_book::of_process().follow(o.ledger, o.policy);
        !follows)
      return tell(follows.error(), exit_bad_input);
  auto service = tinker::service::start({.address = o.listen,
                                         .models = {*model},
                                         .folder = o.out,
                                         .keys = std::move(*keys),
                                         .alpha = o.alpha,
                                         .at_once = o.at_once});
  if (!service) return tell(service.error(), exit_failed);
  for (const auto& c : (*service)->complaints()) say(stderr, "warning: {}\n", c);
  end_in_order_on_signals();
  const auto url = (*service)->url();
  if (o.json) {
    say("{}\n", nlohmann::json{{"url", url}, {"models", names}, {"out", o.out}}.dump());
  } else {
    say("serving {} at {}\n", fmt::join(names, ", "), url);
    say("  TINKER_BASE_URL={} HF_ENDPOINT={} TINKER_API_KEY=tml-...\n", url, url);
    say("  OpenAI clients: base URL {}/oai/api/v1\n", url);
    say("  checkpoints in {}; Ctrl-C ends it\n", o.out);
  }
  std::fflush(stdout);
  while (signal_that_came() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (!o.json) say("{}: stopping\n", name_of_signal(signal_that_came()));
  return exit_fine;
}

}  // namespace hocket::cli
