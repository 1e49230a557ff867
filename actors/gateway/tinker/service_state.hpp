// What the routes share. Internal to this folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/gateway/tinker/futures.hpp"
#include "actors/gateway/tinker/keys/usage.hpp"
#include "actors/gateway/tinker/engine/sampling.hpp"
#include "actors/gateway/tinker/service.hpp"
#include "actors/gateway/tinker/store.hpp"
#include "actors/gateway/tinker/training.hpp"
#include "actors/gateway/tinker/wire/messages.hpp"
#include "actors/governance/policy.hpp"
#include "actors/http/routes.hpp"
#include "actors/http/server.hpp"

namespace hocket::tinker {

/// Longest life of a checkpoint that a client may ask for [s]: a century.
inline constexpr std::int64_t most_ttl_s = 3'155'760'000;

using clock = future_table::clock;

/// One request with whose it is.
struct call {
  const http::request& request;
  http::responder reply;
  tenant who;
  std::string owner;               ///< its
  nlohmann::json body;             ///< an object; null where the body is protobuf
  std::vector<std::string> parts;  ///< of the path, behind /api/v1
};
/// What a route gives: an answer now, or none where it has kept `reply`.
using answered = result<std::optional<http::response>>;

struct session_record {
  std::string id, owner, display_name;
  nlohmann::json user_metadata;
  clock::time_point seen;
  bool is_over = false;
  std::string ended;  ///< why, as its client said: success, errored, interrupted
  std::int64_t time_s = 0;
  std::vector<std::string> runs, samplers;
};

struct sampler_record {
  std::string id, owner, base_name, path;
  std::vector<std::string> descends;  ///< without a path: checkpoints that its weights are from
  sampling_source source;
  struct asked {
    std::string request;
    std::vector<std::string> sequence_ids;
  };
  std::map<std::int64_t, asked> requests;  ///< by seq_id: those that are sent again
  std::int64_t clones = 0;                 ///< clients that joined it
  bool is_closed = false;  ///< of a checkpoint: its adapter is read again when it is used
};

/// A file that may be fetched without a key, by whoever knows its name.
struct handed_out {
  checkpoint_path path;
  clock::time_point until;
  std::string weights_sha256;  ///< of what passed the gate; other bytes under the name did not
};

class service::state {
 public:
  explicit state(service_options o)
      : options(std::move(o)),
        trains(options.training ? std::move(options.training) : train_here()),
        sampling(options.sampling ? std::move(options.sampling) : sample_here()),
        training(futures, *trains, {.passes = options.at_once}) {}
  ~state();

  result<void> start();
  void handle(const http::request& r, const http::responder& reply);
  /// By the table of roles (roles.hpp), as soon as the head of a request is there.
  std::optional<http::response> refuses(const http::request& r) const;

  std::shared_ptr<const served_model> find_model(const std::string& name) const;
  std::string model_names() const;  ///< for messages

  /// The session of this owner, seen now. *Errors*: tinker.forbidden, tinker.gone.
  result<void> touch(const std::string& session, const std::string& owner);

  service_options options;
  tenant_usage usage;
  future_table futures;
  std::unique_ptr<checkpoint_store> store;
  std::unique_ptr<const http::route_table> roles;
  std::unique_ptr<http::server> server;

  std::mutex mutex;  ///< of what follows
  std::map<std::string, session_record> sessions;
  std::map<std::string, sampler_record> samplers;
  std::map<std::string, handed_out> files;

  /// Some checkpoint may have no card in the ledger: it was saved before there was one, or the server ended
  /// between the two, or the ledger could not be written.
  std::atomic<bool> lacks_cards{true};

  std::unique_ptr<training_engine> trains;
  std::unique_ptr<sampling_engine> sampling;
  training_hall training;

 private:
  void tick();
  answered dispatch(call& c);
  std::optional<tenant> tenant_of(const http::request& r) const;

  std::mutex tick_mutex_;
  std::condition_variable tick_wake_;
  bool stopping_ = false;
  std::thread ticker_;
};

/// A submit that can never be done, told in-band: the client does not send it again.
answered refused_in_band(service::state& s, const call& c, const error& e,
                         const std::string& model = "");
/// Bytes of checkpoints that a tenant may have.
std::int64_t most_bytes(const tenant& who);
/// What lies between the slashes of a path; empty parts are none.
std::vector<std::string> parts_of(std::string_view path);
/// What a key must be for, by method and path; nothing: any will do.
std::optional<scope> scope_for(std::string_view method, std::string_view path);
/// The answer to a key that is not for this.
std::optional<http::response> lacks_scope(const tenant& who, const http::request& r);
/// Whoever shows no key that is known.
http::response no_key(bool openai);
/// Answers in JSON.
http::response json_answer(const nlohmann::json& body, int status = 200);
http::response submitted(const std::string& request, const std::string& model = "");
/// A field of the body. *Errors*: tinker.bad_request naming it.
result<std::string> text_of(const nlohmann::json& body, const char* key);
std::string iso_time(std::int64_t seconds);

/// *Errors*: tinker.bad_request naming the key and its range.
result<std::int64_t> whole_of(const nlohmann::json& body, const char* key, std::int64_t low,
                              std::int64_t high);
/// The next operation of the model that the body names; `what` runs when its turn comes.
answered submit_operation(service::state& s, call& c, training_hall::operation what);

/// Whether a checkpoint may be loaded on this model, by its gate; without a ledger it may.
/// *Errors*: governance.refused, ledger.*, those of served_model::sha256.
result<void> pass_gate(governance::gate g, const checkpoint& from, const checkpoint_files& files,
                       const served_model& base);
/// Gives the ledger the card of each checkpoint that has none there.
void record_missing_cards(service::state& s);

/// A route of each part of the API; nothing where the path is another's.
std::optional<answered> session_route(service::state& s, call& c);
std::optional<answered> training_route(service::state& s, call& c);
std::optional<answered> saving_route(service::state& s, call& c);
std::optional<answered> sampling_route(service::state& s, call& c);
std::optional<answered> checkpoint_route(service::state& s, call& c);
/// Without a key: a model's tokenizer files by the hub's paths, and files that were handed out.
std::optional<http::response> open_route(service::state& s, const http::request& r);
/// OpenAI's paths, behind /oai/api/v1.
answered openai_route(service::state& s, call& c);

/// What a path or a base model's name gives to sample from. *Errors*: tinker.not_found,
/// tinker.bad_request (a training checkpoint), those of open_adapter.
result<sampling_source> open_source(service::state& s, const std::string& owner,
                                    const std::string& base_model, const std::string& path,
                                    std::string& base_name);
/// What counts towards a quota: what is read and, before it is known, all that may be sampled.
std::int64_t tokens_of(const sample_request& ask, const served_model& base);
std::int64_t tokens_of(const sample_answer& answer);
/// Samplers of a session, in the order of their last use, hold at most 64 adapters without a name and 64 of
/// checkpoints: of the others the first go, the latter until they are used again. Beyond 4096 in all the
/// first are forgotten. The state's mutex is held.
void bound_samplers(service::state& s, std::vector<std::string>& own);
/// A checkpoint that this owner may read. *Errors*: tinker.not_found, tinker.bad_path.
result<checkpoint> readable(service::state& s, const std::string& owner, const std::string& path);

}  // namespace hocket::tinker
