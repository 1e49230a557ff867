#include <fmt/format.h>

#include "actors/http/digest.hpp"
#include "tools/hocket/run/commands.hpp"
#include "tools/hocket/say.hpp"

namespace hocket::cli {

/// A run whose gateway is told where it listens and who may come in: all of it can stand in the graph
/// file, too.
int run_serve(const serve_options& o) {
  auto run = o.run;
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) run.how.sets.push_back(fmt::format("actors.{}.{}={}", o.actor, key, value));
  };
  set("listen", o.listen);
  set("keys_file", o.keys);
  if (!o.keys.empty()) set("beyond_loopback", "true");
  set("certificate", o.certificate);
  set("private_key", o.private_key);
  set("page_texts", o.texts);
  set("training", o.training);
  if (o.edit) set("edit", "true");
  if (o.edit && o.keys.empty()) {
    const auto key = "hk_" + http::random_token(32);
    set("edit_key", "sha256:" + http::sha256_hex(key));
    // Shown here alone: the run, and what it writes, has the hash.
    say(stderr,
        "to edit, put this behind the page's address: /#key={}\nit is of this run alone; who has "
        "it "
        "may do what you may\n",
        key);
  }
  if (!o.names.empty()) set("names", fmt::format("[{}]", fmt::join(o.names, ", ")));
  run.sessions = 0;  // each client brings its own
  run.no_picture = true;
  run.no_pii = true;  // the page says that nothing is recorded
  return run_run(run);
}

}  // namespace hocket::cli
