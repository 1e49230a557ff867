// Trains for a server that is on another host.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "actors/gateway/tinker/engine/engine.hpp"
#include "actors/gateway/tinker/engine/request_desk.hpp"

namespace hocket::tinker {

/// Does what a server asks of its trainers. Those of one server at a time: when another comes (or the same, in
/// another life), the trainers of the one before are freed. What changes a trainer is done once, however
/// often it is asked for: the last answer of each is kept.
/// *Threads*: one for passes, one for all else; `take` by one.
class trainer_desk {
 public:
  trainer_desk(std::shared_ptr<const served_model> base, worker_identity is,
               std::function<void(std::string piece)> send,
               std::unique_ptr<training_engine> engine = train_here());
  ~trainer_desk();
  result<bool> take(std::string_view piece) { return desk_.take(piece); }

 private:
  struct kept {
    std::unique_ptr<model_trainer> trainer;  ///< of whose turn it is
    bool is_changing = false;                ///< a request that changes it is in work
    std::uint64_t last = 0;                  ///< the newest request; with what it gave:
    std::optional<result<std::string>> answer;
  };
  struct job {
    asked to;
    std::shared_ptr<kept> of;
    std::shared_ptr<work> what;
  };
  void begin(const asked& to, result<work> what);
  /// The trainer that this is for. Nothing: it was answered.
  std::shared_ptr<kept> whose(const asked& to, const work& what);
  void forget();
  void end(const job& j, result<std::string> r);
  result<std::string> run(const job& j);
  void work_on_passes();
  void work_on_others();

  const std::shared_ptr<const served_model> base_;
  const std::unique_ptr<training_engine> engine_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::uint64_t, std::shared_ptr<kept>> trainers_;
  std::uint64_t newest_ = 0;  ///< trainer that was ever made for this server
  std::deque<job> passes_, others_;
  bool stopping_ = false;
  request_desk desk_;
  std::thread pass_thread_, other_thread_;
};

}  // namespace hocket::tinker
