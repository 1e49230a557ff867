// What requests and results have in common as bytes. Internal to this folder: it includes protobuf.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/lora/trainer.hpp"
#include "graph/schema/tinker_work.pb.h"

namespace hocket::tinker {

/// False: it is no such message.
template <class Message>
bool parse(Message& m, std::string_view bytes) {
  return bytes.size() <= INT32_MAX &&
         m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <class From, class To>
void copy_to(const From& from, To* to) {
  to->Reserve(static_cast<int>(from.size()));
  for (const auto& v : from) to->Add(v);
}
template <class T, class From>
std::vector<T> list_of(const From& from) {
  return {from.begin(), from.end()};
}

inline void put_files(const lora::adapter_files& from, work_pb::Files* to) {
  to->set_config(from.config), to->set_weights(from.weights);
}
/// Takes its bytes out.
inline lora::adapter_files files_of(work_pb::Files* from) {
  return {std::move(*from->mutable_config()), std::move(*from->mutable_weights())};
}

}  // namespace hocket::tinker
