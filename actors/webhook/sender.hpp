#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/webhook/outbox.hpp"
#include "graph/contract/component.hpp"

namespace hocket::webhook {

/// Which servers a graph's words may go to.
enum class reach : std::uint8_t {
  outside,  ///< https:// at public addresses; others, and http://, where `inside` names the server
  own,      ///< https:// anywhere, http:// to this machine: an operator's own server
};

struct sender_setup {
  std::string url;
  reach where = reach::outside;
  std::vector<std::string> inside = {};  ///< HOST:PORT
  std::string secret_env = {};           ///< variable with the secret that signs; "": no signature
  std::string token_env = {};  ///< variable with what goes as `Authorization: Bearer`; "": none
  std::string ca_file = {};    ///< PEM file to trust instead of the system's list
  int time_limit_ms = 5000;    ///< of one try
  std::int64_t end_ms = 2000;  ///< how long finish() waits for what is not delivered yet
  outbox_limits limits = {};
};

/// Whether `url` may be posted to. Errors: webhook.bad_config, with the way out.
result<void> check_address(const sender_setup& how);

/// Posts JSON to one address: signed, in order, each again until it arrives, in bounds, and nobody
/// waits for the network. Headers are those of Standard Webhooks.
///
/// Errors of open(): webhook.bad_config; trust.refused.
/// Threads: one at a time; `settled` is called on a thread of its own.
class sender {
 public:
  /// What came of deliveries since the last report.
  struct report {
    outbox::figures added;
    std::vector<outbox::lost_delivery> lost;
  };
  /// `tell`: gets what is new, from tell() and finish(). `settled`: something is.
  static result<std::unique_ptr<sender>> open(
      sender_setup how, const context& where, std::function<void(const report&)> tell,
      std::function<void()> settled = [] {});
  ~sender();  ///< finish(): nothing is lost without being told
  sender(const sender&) = delete;
  sender& operator=(const sender&) = delete;

  /// False: there was no room for it, which will be told.
  bool post(delivery d) { return outbox_->put(std::move(d)); }
  void tell();
  /// Waits a while for what is not delivered; tells what became of everything.
  void finish();

 private:
  sender(sender_setup how, std::function<void(const report&)> tell);
  result<void> read_environment(const trust::capability& may);
  answer try_once(const delivery& d) const;

  const sender_setup how_;
  const std::function<void(const report&)> tell_;
  std::string run_;  ///< tells the ids of this life from those of others
  std::string secret_, token_;
  bool is_trusted_ = false;  ///< the address need not be public
  std::atomic<bool> stopping_{false};
  outbox::figures told_;
  std::unique_ptr<outbox> outbox_;  ///< last: its thread uses the rest
};

}  // namespace hocket::webhook
