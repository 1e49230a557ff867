#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/contract/config.hpp"

namespace hocket::spec {

/// Reads a small map of the graph's own by the same visit that component configs use, so that its
/// findings read alike.
template <class Visit>
void read_keys(const value& from, const std::string& owner,
               const std::vector<std::string>& reserved, diagnostics& findings, Visit visit) {
  struct keys final : config_base {
    explicit keys(Visit& f) : f_(f) {}
    void visit(config_visitor& v) override { f_(v); }
    Visit& f_;
  };
  keys k(visit);
  read_config(from, k, owner, reserved, findings);
}

/// Short for a diagnostic with severity error.
inline void add_error(diagnostics& findings, const source_mark& where, std::string code,
                      std::string message, std::string hint = "",
                      std::vector<std::string> notes = {}) {
  findings.add({severity::error, where, std::move(code), std::move(message), std::move(hint),
                std::move(notes)});
}

inline void add_warning(diagnostics& findings, const source_mark& where, std::string code,
                        std::string message, std::string hint = "",
                        std::vector<std::string> notes = {}) {
  findings.add({severity::warning, where, std::move(code), std::move(message), std::move(hint),
                std::move(notes)});
}

}  // namespace hocket::spec
