#include "actors/gateway/tinker/read_keys.hpp"
#include "actors/gateway/tinker/service.hpp"
#include "actors/gateway/tinker_door/server.hpp"
#include "engine/language/packages/packages.hpp"

namespace hocket::tinker {
namespace {

class engine_server final : public running_server {
 public:
  explicit engine_server(std::unique_ptr<service> s) : service_(std::move(s)) {}
  const std::string& url() const override { return service_->url(); }
  const std::vector<std::string>& complaints() const override { return service_->complaints(); }

 private:
  std::unique_ptr<service> service_;
};

}  // namespace

result<std::unique_ptr<running_server>> start_server(const server_settings& s,
                                                     saved_adapter on_saved) {
  auto keys = read_api_keys(s.keys_file);
  if (!keys) return fail(keys);
  const auto path = language::find_graph_model(s.model);
  if (!path) return fail(path);
  const auto names = s.names.empty() ? std::vector{own_name(*path)} : s.names;
  auto model = open_served_model(*path, names, s.context, s.precision);
  if (!model) return fail(model);
  auto made = service::start({.address = s.address,
                              .models = {std::move(*model)},
                              .folder = s.folder,
                              .keys = std::move(*keys),
                              .alpha = s.alpha,
                              .on_saved = std::move(on_saved)});
  if (!made) return fail(made);
  return std::make_unique<engine_server>(std::move(*made));
}

}  // namespace hocket::tinker
