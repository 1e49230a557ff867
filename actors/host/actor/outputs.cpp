#include "actors/host/actor/outputs.hpp"

namespace hocket::host {

void outputs::add(std::shared_ptr<session_outputs> out, bool only) {
  std::lock_guard lock(mutex_);
  if (only) only_ = out;
  all_[out->id()] = std::move(out);
}

void outputs::remove(session_id id) {
  std::lock_guard lock(mutex_);
  all_.erase(id);
}

std::shared_ptr<session_outputs> outputs::find(session_id id) const {
  std::lock_guard lock(mutex_);
  const auto it = all_.find(id);
  return it == all_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<session_outputs>> outputs::open() const {
  std::vector<std::shared_ptr<session_outputs>> out;
  std::lock_guard lock(mutex_);
  for (const auto& [id, o] : all_)
    if (o->session && !o->session->closing.load()) out.push_back(o);
  return out;
}

std::vector<session_id> outputs::sessions() const {
  std::vector<session_id> ids;
  std::lock_guard lock(mutex_);
  for (const auto& [id, o] : all_) ids.push_back(id);
  return ids;
}

void outputs::each_link(
    const std::function<void(const session_outputs&, const link_end&)>& f) const {
  std::vector<std::shared_ptr<session_outputs>> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, o] : all_) all.push_back(o);
  }
  for (const auto& o : all) {
    std::vector<std::vector<link_end>> link_ends;
    {
      std::lock_guard lock(mutex_);
      link_ends = o->link_ends;
    }
    for (const auto& port : link_ends)
      for (const auto& r : port) f(*o, r);
  }
}

std::vector<std::vector<link_end>> outputs::links_of(session_id id) const {
  std::lock_guard lock(mutex_);
  const auto it = all_.find(id);
  return it == all_.end() ? std::vector<std::vector<link_end>>() : it->second->link_ends;
}

void outputs::replace_links(session_outputs& of, std::vector<std::vector<link_end>>& with) {
  std::lock_guard lock(mutex_);
  of.link_ends.swap(with);
}

void outputs::break_links() {
  std::lock_guard lock(mutex_);
  for (auto& [id, o] : all_) o->link_ends.clear();
  all_.clear();
}

void outputs::continue_streams(const outputs& before) {
  std::map<session_id, std::vector<stream_state>> streams;
  {
    std::lock_guard lock(before.mutex_);
    for (const auto& [id, o] : before.all_) streams[id] = o->streams;
  }
  std::lock_guard lock(mutex_);
  for (auto& [id, o] : all_) {
    const auto it = streams.find(id);
    if (it == streams.end()) continue;
    o->streams = it->second;
    for (auto& s : o->streams) s.ended = false;
  }
}

}  // namespace hocket::host
