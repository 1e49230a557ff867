#include "actors/trainer/service/service_learner.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "actors/http/confidential.hpp"
#include "actors/http/digest.hpp"
#include "actors/http/url.hpp"

namespace hocket::trainer {
namespace {

using lora::training_datum;

tl::unexpected<error> bad(const std::string& what) { return fail("train.bad_service", what); }

wanted_adapter adapter_of(const round_settings& s) {
  const auto has = [&](const char* part) {
    return std::ranges::find(s.parts, part) != s.parts.end();
  };
  return {static_cast<int>(s.rank),
          s.alpha,
          {.attention = has("attention"),
           .feed_forward = has("feed_forward"),
           .unembed = has("unembed")}};
}

class service_learner final : public learner {
 public:
  service_learner(const round_settings& s, service_reach reach)
      : settings_(s), reach_(std::move(reach)) {
    while (settings_.service.base_url.ends_with('/')) settings_.service.base_url.pop_back();
  }

  result<void> begin(const goes_on& more) override {
    session_.emplace(settings_.service, reach_, more);
    here_.clear();
    reason_ = "errored";
    if (!from_.empty()) return noted(session_->open(from_, with_optimizer_));
    return noted(session_->open({adapter_of(settings_), settings_.seed}));
  }

  result<double> loss_of(std::span<const training_datum> data, const goes_on& more) override {
    session_->wait_while(more);
    return noted(session_->forward(data));
  }

  result<double> step(std::span<const training_datum> batch, double rate,
                      const goes_on& more) override {
    session_->wait_while(more);
    return noted(session_->step(batch, {rate, settings_.decay, settings_.clip}));
  }

  /// Fetched and found good before the next round goes on from it.
  result<lora::adapter_files> end(const goes_on& more) override {
    session_->wait_while(more);
    const auto name = fmt::format("round-{}", ++rounds_);
    const auto kept = noted(session_->save(name));
    if (!kept) return fail(kept);
    auto files = noted(session_->download(name));
    const auto good = files ? check_adapter(*files, adapter_of(settings_)) : fail(files);
    if (!good) {
      session_->drop(name);  // nobody goes on from it
      return fail(good);
    }
    // Nor from what this round kept before.
    if (!here_.empty()) {
      session_->drop(here_);
      std::erase_if(kept_, [this](const auto& k) { return k.second == from_; });
    }
    here_ = name, from_ = *kept, with_optimizer_ = true;
    kept_[http::sha256_hex(files->weights)] = *kept;
    reason_ = "success";
    return files;
  }

  void leave() override {
    if (session_) session_->finish(reason_);
    session_.reset();
  }

  result<void> back_to(const std::string&, const std::string& weights) override {
    with_optimizer_ = false;
    if (weights.empty()) {
      from_.clear();
      return {};
    }
    const auto found = kept_.find(http::sha256_hex(weights));
    if (found == kept_.end())
      return fail("train.service_lost", "the service keeps no such adapter of this run");
    from_ = found->second;
    return {};
  }

 private:
  template <class T>
  result<T> noted(result<T> r) {
    if (!r && r.error().code == "train.stopped") reason_ = "interrupted";
    return r;
  }

  round_settings settings_;
  service_reach reach_;
  std::optional<service_session> session_;
  std::string from_;  ///< a checkpoint there; empty: none
  std::string here_;  ///< the name of the one that this round kept; empty: none yet
  bool with_optimizer_ = false;
  std::map<std::string, std::string> kept_;  ///< by the sum of the adapter's weights
  std::int64_t rounds_ = 0;
  const char* reason_ = "errored";
};

}  // namespace

result<void> check_service(const round_settings& s) {
  const auto& at = s.service;
  const auto url = http::read_url(at.base_url);
  if (!url || (url->scheme != "http" && url->scheme != "https"))
    return bad("`service.base_url` is an address such as https://host/path");
  if (!http::is_confidential(at.base_url))
    return bad("`service.base_url` is https://, or on this machine: examples and the key go there");
  if (!url->query.empty()) return bad("`service.base_url` has no `?` in it");
  if (at.model.empty()) return bad("`service.model` names the service's model");
  if (!s.modules.empty())
    return bad("`modules` is for training in this process: a service takes `parts`");
  if (s.optimizer != "adamw")
    return bad("`optimizer: " + s.optimizer +
               "` is for training in this process: a service takes adamw");
  if (s.precision != "fp32")
    return bad("`precision` is for training in this process: a service has its own");
  return {};
}

std::unique_ptr<learner> make_service_learner(const round_settings& s, service_reach reach) {
  return std::make_unique<service_learner>(s, std::move(reach));
}

}  // namespace hocket::trainer
