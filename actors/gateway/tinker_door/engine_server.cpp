#include "actors/gateway/tinker/engine/identity.hpp"
#include "actors/gateway/tinker/engine/linked_engines.hpp"
#include "actors/gateway/tinker/engine/sampler_desk.hpp"
#include "actors/gateway/tinker/engine/trainer_desk.hpp"
#include "actors/gateway/tinker/read_keys.hpp"
#include "actors/gateway/tinker/service.hpp"
#include "actors/gateway/tinker_door/server.hpp"
#include "engine/language/packages/packages.hpp"

namespace hocket::tinker {
namespace {

class engine_server final : public running_server {
 public:
  engine_server(std::unique_ptr<service> s, std::shared_ptr<linked_engines> linked)
      : linked_(std::move(linked)), service_(std::move(s)) {}
  const std::string& url() const override { return service_->url(); }
  const std::vector<std::string>& complaints() const override { return service_->complaints(); }
  bool trained(std::string_view piece) override { return linked_ && linked_->trained(piece); }
  bool sampled(std::string_view piece) override { return linked_ && linked_->sampled(piece); }
  void tick() override {
    if (linked_) linked_->tick();
  }
  std::int64_t bad_messages() const override { return linked_ ? linked_->bad() : 0; }

 private:
  std::shared_ptr<linked_engines> linked_;  ///< null: this process works
  std::unique_ptr<service> service_;
};

template <class Desk>
class worker final : public running_worker {
 public:
  worker(std::shared_ptr<const served_model> base, worker_identity is,
         std::function<void(std::string)> send)
      : desk_(std::move(base), std::move(is), std::move(send)) {}
  result<bool> take(std::string_view piece) override { return desk_.take(piece); }

 private:
  Desk desk_;
};

}  // namespace

result<std::unique_ptr<running_server>> start_server(const server_settings& s,
                                                     saved_adapter on_saved, server_links links) {
  auto keys = read_api_keys(s.keys_file);
  if (!keys) return fail(keys);
  const auto path = language::find_graph_model(s.model);
  if (!path) return fail(path);
  const auto names = s.names.empty() ? std::vector{own_name(*path)} : s.names;
  service_options o{.address = s.address,
                    .models = {},
                    .folder = s.folder,
                    .keys = std::move(*keys),
                    .alpha = s.alpha,
                    .on_saved = std::move(on_saved)};
  std::shared_ptr<linked_engines> linked;
  if (s.is_linked) {
    auto model = describe_served_model(*path, names, s.context);
    if (!model) return fail(model);
    linked = std::make_shared<linked_engines>(
        **model, linked_engines::settings{std::chrono::seconds(s.gone_after_s), s.same_bits},
        std::move(links.to_trainer), std::move(links.to_sampler), std::move(links.tell));
    o.training = linked->training(), o.sampling = linked->sampling();
    o.models = {std::move(*model)};
  } else {
    auto model = open_served_model(*path, names, s.context, s.precision);
    if (!model) return fail(model);
    o.models = {std::move(*model)};
  }
  auto made = service::start(std::move(o));
  if (!made) return fail(made);
  return std::make_unique<engine_server>(std::move(*made), std::move(linked));
}

result<std::unique_ptr<running_worker>> start_worker(const worker_settings& s,
                                                     std::function<void(std::string)> send) {
  const auto path = language::find_graph_model(s.model);
  if (!path) return fail(path);
  auto model = open_served_model(*path, {own_name(*path)}, s.context, s.precision);
  if (!model) return fail(model);
  auto is = identity_of(**model, s.precision);
  if (!is) return fail(is);
  if (s.trains)
    return std::make_unique<worker<trainer_desk>>(std::move(*model), std::move(*is),
                                                  std::move(send));
  return std::make_unique<worker<sampler_desk>>(std::move(*model), std::move(*is), std::move(send));
}

}  // namespace hocket::tinker
