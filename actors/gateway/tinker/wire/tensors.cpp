#include "actors/gateway/tinker/wire/tensors.hpp"

namespace hocket::tinker {

using nlohmann::json;

result<lora::loss_input> dense_of(const std::vector<std::int64_t>& shape,
                                  const std::vector<double>& values,
                                  const std::vector<std::int64_t>& rows,
                                  const std::vector<std::int64_t>& columns, double fill) {
  const auto bad = [](const char* what) {
    return fail("tinker.bad_request", std::string("sparse tensor: ") + what);
  };
  if (shape.size() != 2 || shape[0] < 0 || shape[1] < 1) return bad("its shape must be [N, K]");
  if (shape[0] > most_numbers / shape[1]) return bad("it has more than 4000000 numbers");
  if (static_cast<std::int64_t>(rows.size()) != shape[0] + 1 || rows.front() != 0 ||
      rows.back() != static_cast<std::int64_t>(values.size()) || columns.size() != values.size())
    return bad("its indices do not fit its shape");
  lora::loss_input dense{shape,
                         std::vector<double>(static_cast<std::size_t>(shape[0] * shape[1]), fill)};
  for (std::int64_t r = 0; r < shape[0]; ++r) {
    const auto from = rows[static_cast<std::size_t>(r)], to = rows[static_cast<std::size_t>(r) + 1];
    if (from > to || to > rows.back()) return bad("its row indices do not ascend");
    for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
      if (columns[i] < 0 || columns[i] >= shape[1]) return bad("a column index is out of range");
      dense.values[static_cast<std::size_t>(r * shape[1] + columns[i])] = values[i];
    }
  }
  return dense;
}

namespace {

template <class T>
bool read(const json& j, std::vector<T>& into) {
  if (!j.is_array() || j.size() > static_cast<std::size_t>(most_numbers)) return false;
  for (const auto& v : j) {
    if (!v.is_number()) return false;
    into.push_back(v.get<T>());
  }
  return true;
}

}  // namespace

result<lora::loss_input> tensor_from_json(const json& j, double fill) {
  const auto bad = [](const char* what) { return fail("tinker.bad_request", what); };
  lora::loss_input t;
  if (!j.is_object() || !j.contains("data") || !read(j["data"], t.values))
    return bad("a tensor needs `data`, a flat list of numbers");
  const auto shape = j.value("shape", json()), rows = j.value("sparse_crow_indices", json());
  if (!shape.is_null() && !read(shape, t.shape)) return bad("`shape` must be a list of numbers");
  if (!rows.is_null()) {
    std::vector<std::int64_t> r, c;
    if (!read(rows, r) || !read(j.value("sparse_col_indices", json()), c))
      return bad("sparse indices must be lists of numbers");
    return dense_of(t.shape, t.values, r, c, fill);
  }
  if (shape.is_null()) t.shape = {static_cast<std::int64_t>(t.values.size())};
  std::int64_t numbers = 1;
  for (const auto n : t.shape) {
    if (n < 0 || n > most_numbers) return bad("`shape` is out of range");
    numbers = std::min(numbers * n, most_numbers + 1);
  }
  if (numbers != static_cast<std::int64_t>(t.values.size()))
    return bad("`shape` does not fit `data`");
  return t;
}

}  // namespace hocket::tinker
