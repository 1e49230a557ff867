#pragma once

#include <map>

#include "actors/openapi/document.hpp"
#include "graph/contract/tool_source.hpp"
#include "graph/payloads/payload_schema.hpp"

namespace hocket::openapi {

/// `use: openapi`: the operations of an OpenAPI file as tools.
///
/// Arguments are held to the operation's schema before anything is asked. Addresses are judged as
/// the source `web` judges them: after the name was resolved, public ones alone, others where `inside`
/// names HOST:PORT. A redirect is not followed. A key comes from the environment, and leaves over
/// https alone, but to what `inside` names.
/// Errors: openapi.bad_document, openapi.bad_config, openapi.bad_arguments, openapi.not_allowed,
/// openapi.status (with the beginning of what was answered), openapi.no_answer; trust.refused.
class source final : public tool_source {
 public:
  struct config {
    std::string file;
    std::string server = {};
    std::vector<std::string> operations = {};
    std::vector<std::string> inside = {};
    std::string key_env = {};
    std::string ca_file = {};
    std::int64_t time_limit_ms = 10'000;
    std::int64_t max_result_bytes = 16'384;
    void visit(config_visitor& v);
  };

  explicit source(config c) : config_(std::move(c)) {}
  result<void> open(const tool_source_context&) override;
  result<std::vector<tool_info>> list() override;
  result<std::string> call(const std::string& tool, const std::string& arguments_json,
                           const tool_context&) override;

 private:
  struct served {
    operation what;
    payloads::schema_ptr arguments;
  };
  result<void> choose(document d);
  /// Where the key goes, to the log.
  void tell_key(bool names_no_key, const std::vector<std::string>& without) const;
  result<void> check_server();
  result<std::string> ask(const operation& o, const request& r, const tool_context&) const;

  config config_;
  tool_source_context where_;
  std::map<std::string, served> operations_;  ///< by tool
  std::vector<std::string> order_;            ///< of the document
  bool is_inside_ = false, is_tls_ = false;
  std::string host_;
};

}  // namespace hocket::openapi
