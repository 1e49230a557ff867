#pragma once

#include <string>
#include <vector>

#include "actors/http/routes.hpp"

namespace hocket::tinker {

/// Who may do what to which path of the server. `models`: names of the models, whose tokenizer files
/// everybody may have.
std::vector<http::route> api_rows(const std::vector<std::string>& models);

}  // namespace hocket::tinker
