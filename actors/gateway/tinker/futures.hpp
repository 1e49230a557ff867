#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "actors/gateway/tinker/kept_results.hpp"
#include "actors/http/server.hpp"
#include "graph/core/result.hpp"

namespace hocket::tinker {

/// What a future ends with.
struct outcome {
  std::string json;   ///< a result, or {"error", "category"}
  std::string proto;  ///< for those who take protobuf; empty: there is no such form
};
outcome done(const nlohmann::json& result);
/// `category`: "user" (asking again is of no use) or "server".
outcome failed(const std::string& message, const char* category = "user");
/// By the error's code: what the machine lacks is the server's, all else the user's.
outcome failed(const error& e);

/// Why nothing more can be asked, where future_table::add gives no name.
inline constexpr const char* too_many_waiting =
    "too many requests of this key wait for an answer, or too many answers to be read; one that "
    "nobody reads stays 20 minutes";

/// What a request that has not ended waits for, as its client is told.
struct queue_note {
  bool is_paused = false;  ///< there is no room to begin it: `paused_capacity`, else `active`
  std::string reason;      ///< empty: none is told
};
/// The answer to a poll that has waited long enough.
nlohmann::json try_again(const std::string& request, const queue_note& note);

/// Requests that are answered later, by long polling: a poll waits in a list, not in a thread.
/// *Threads*: any. *Memory*: results stay as kept_results says.
class future_table {
 public:
  using clock = std::chrono::steady_clock;
  struct limits {
    std::chrono::milliseconds hold{20'000};  ///< of a poll, before `try_again`
    kept_results::limits results{};
    std::size_t outstanding = 8'192;  ///< of one owner
    std::size_t topics = 1'024;       ///< that are remembered of one owner
  };
  explicit future_table(const limits& l) : limits_(l), kept_(l.results) {}
  future_table() : future_table(limits{}) {}

  /// How many of an owner may wait, in place of `limits`. Before the first of them.
  void allow(const std::string& owner, std::size_t outstanding);
  /// A new one, with a name that cannot be guessed; empty: the owner has too many, or too many results that it
  /// has not read.
  /// `topic`: whoever polls it hears when this one has ended. `about`: what `explain_by` is asked with.
  std::string add(const std::string& owner, const std::string& topic = "",
                  const std::string& about = "");
  /// What it waits for from now on. One that has ended waits for nothing.
  void note(const std::string& id, queue_note what);
  /// Asked what a request waits for that is about something, when that is told; null: nobody. It may ask
  /// this table, and is asked by any thread that sweeps.
  using explainer = std::function<queue_note(const std::string& about, const std::string& request)>;
  void explain_by(explainer who);
  void finish(const std::string& id, outcome o);
  /// Answers now or later: the same as often as it is asked, until it is told that the result is gone. One of
  /// another owner is answered as one that there never was.
  void poll(const std::string& id, const std::string& owner, bool takes_proto,
            bool allow_metadata_only, const http::responder& reply);
  /// Which requests of a topic ended behind `cursor`, now or once one does (`waits`). `retrieved`: those that the
  /// owner has: they go.
  void poll_topic(const std::string& topic, const std::string& owner, std::int64_t cursor,
                  bool waits, const std::vector<std::string>& retrieved,
                  const http::responder& reply);
  /// *Errors*: tinker.not_found.
  result<void> cancel(const std::string& id, const std::string& owner);
  bool is_cancelled(const std::string& id) const;
  std::size_t outstanding(const std::string& owner) const;
  bool is_busy() const;  ///< whether a request has not ended
  std::size_t waiting() const;
  /// Answers polls that have waited long enough, forgets old results. Called a few times a second.
  void sweep(clock::time_point now);

 private:
  struct poll_at {
    http::responder reply;
    bool takes_proto, metadata_only;
    clock::time_point until;
  };
  struct entry {
    std::string owner, topic, about;
    queue_note waits_for;
    std::optional<outcome> ended;
    bool cancelled = false;
    bool is_settled = false;  ///< see settle
    std::vector<poll_at> polls;
  };
  /// Requests that ended, by their place in the order of all of the owner's.
  struct topic_log {
    std::string owner;
    std::map<std::int64_t, std::pair<std::string, std::size_t>> ended;  ///< name and bytes
    struct wait {
      http::responder reply;
      std::int64_t cursor;
      clock::time_point until;
    };
    std::vector<wait> waits;
    clock::time_point used;
  };
  using answer_list = std::vector<std::pair<http::responder, http::response>>;
  /// The log of a topic, made where there is none; null: it is another's, or the owner has too many and
  /// none of them may go (`evicts`: the one that was used least lately, where nobody waits for it).
  topic_log* log_of(const std::string& topic, const std::string& owner, bool evicts);
  void note_end(const std::string& id, const entry& e, answer_list& answers);
  void sweep_topics(clock::time_point now, answer_list& answers);
  static http::response answer(const topic_log& t, std::int64_t cursor);
  /// Copies small results to memory of the thread that sweeps: where the sampler allocates, each of them would keep a
  /// page between large blocks from going back to the system.
  void settle();
  /// Notes that it is read.
  http::response answer(const std::string& id, const entry& e, bool takes_proto,
                        bool metadata_only);

  const limits limits_;
  mutable std::mutex mutex_;
  explainer explainer_;
  std::map<std::string, entry> entries_;
  std::map<std::string, std::size_t> outstanding_;
  std::map<std::string, std::size_t> allowed_;  ///< by owner
  std::map<std::string, topic_log> topics_;
  std::map<std::string, std::size_t> topic_counts_;  ///< by owner
  std::map<std::string, std::int64_t> ends_;  ///< how many requests of topics ended, by owner
  kept_results kept_;
};

/// 128 random bits as hex, behind a word.
std::string unguessable(const std::string& word);

}  // namespace hocket::tinker
