#include "actors/gateway/tinker/store.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>

#include "actors/gateway/tinker/leftovers.hpp"
#include "actors/http/digest.hpp"

namespace hocket::tinker {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view magic = "hocket checkpoint 1\n";
constexpr std::uint64_t most_bytes = std::uint64_t{8} << 30;

bool is_run(const std::string& text) {
  return !text.empty() && text.size() <= 160 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == ':' || c == '.';
         });
}
bool is_kind(const std::string& text) {
  return text == "weights" || text == "sampler_weights" || text == "external_weights";
}

/// Magic, length of a JSON header, header with the files' names and lengths, the files.
std::string packed(const checkpoint_files& files) {
  json header = json::array();
  for (const auto& [name, bytes] : files) header.push_back({name, bytes.size()});
  const auto text = header.dump();
  const std::uint64_t length = text.size();
  std::string out(magic);
  out.append(reinterpret_cast<const char*>(&length), sizeof length);
  out += text;
  for (const auto& [name, bytes] : files) out += bytes;
  return out;
}

result<checkpoint_files> unpacked(const std::string& bytes, const std::string& name) {
  const auto damaged = [&] { return fail("tinker.damaged", name + ": the checkpoint is damaged"); };
  std::uint64_t length = 0;
  if (!bytes.starts_with(magic) || bytes.size() < magic.size() + sizeof length) return damaged();
  std::memcpy(&length, bytes.data() + magic.size(), sizeof length);
  std::size_t at = magic.size() + sizeof length;
  if (length > bytes.size() - at) return damaged();
  const auto header = json::parse(bytes.substr(at, length), nullptr, false);
  at += length;
  if (!header.is_array()) return damaged();
  checkpoint_files files;
  for (const auto& e : header) {
    if (!e.is_array() || e.size() != 2 || !e[0].is_string() || !e[1].is_number_unsigned() ||
        e[1].get<std::uint64_t>() > bytes.size() - at)
      return damaged();
    const auto size = e[1].get<std::size_t>();
    files[e[0]] = bytes.substr(at, size);
    at += size;
  }
  if (at != bytes.size()) return damaged();
  return files;
}

std::string data_name(const checkpoint_path& p) {
  return fmt::format("checkpoints/{}/{}/{}.data", p.run, p.kind, p.name);
}
std::string about_name(const checkpoint_path& p) {
  return fmt::format("checkpoints/{}/{}/{}.json", p.run, p.kind, p.name);
}

json to_json(const checkpoint& c) {
  return {{"path", c.path.text()},
          {"owner", c.owner},
          {"base_model", c.base_model},
          {"time_s", c.time_s},
          {"expires_s", c.expires_s},
          {"size_bytes", c.size_bytes},
          {"is_public", c.is_public},
          {"rank", c.rank},
          {"user_metadata", c.user_metadata},
          {"card", c.card}};
}
std::optional<checkpoint> checkpoint_of(const json& j) {
  try {
    const auto path = parse_path(j.at("path"));
    if (!path) return std::nullopt;
    return checkpoint{*path,
                      j.at("owner"),
                      j.at("base_model"),
                      j.at("time_s"),
                      j.at("expires_s"),
                      j.at("size_bytes"),
                      j.at("is_public"),
                      j.at("user_metadata"),
                      j.at("rank"),
                      j.value("card", json())};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}
json to_json(const run_record& r) {
  return {{"id", r.id},           {"owner", r.owner},         {"base_model", r.base_model},
          {"rank", r.rank},       {"attention", r.attention}, {"feed_forward", r.feed_forward},
          {"unembed", r.unembed}, {"time_s", r.time_s},       {"user_metadata", r.user_metadata}};
}
std::optional<run_record> run_of(const json& j) {
  try {
    return run_record{j.at("id"),      j.at("owner"),     j.at("base_model"),
                      j.at("rank"),    j.at("attention"), j.at("feed_forward"),
                      j.at("unembed"), j.at("time_s"),    j.at("user_metadata")};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::int64_t now_s() { return static_cast<std::int64_t>(std::time(nullptr)); }
bool is_over(const checkpoint& c) { return c.expires_s != 0 && c.expires_s <= now_s(); }
tl::unexpected<error> not_found(const checkpoint_path& p) {
  return fail("tinker.not_found", "checkpoint not found: " + p.text());
}

}  // namespace

std::string weights_sha256(const checkpoint_files& files) {
  if (const auto found = files.find("adapter_model.safetensors"); found != files.end())
    return http::sha256_hex(found->second);
  return http::sha256_hex(packed(files));
}

std::string checkpoint_path::text() const {
  return fmt::format("tinker://{}/{}/{}", run, kind, name);
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 128 && text.find_first_not_of('.') != text.npos &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

result<checkpoint_path> parse_path(const std::string& text) {
  const auto bad = [&] {
    return fail("tinker.bad_path",
                fmt::format("`{}` is no checkpoint path: tinker://RUN/KIND/NAME with KIND weights, "
                            "sampler_weights or external_weights",
                            text.substr(0, 300)));
  };
  constexpr std::string_view scheme = "tinker://";
  if (!text.starts_with(scheme)) return bad();
  const auto rest = text.substr(scheme.size());
  const auto first = rest.find('/'), second = rest.find('/', first + 1);
  if (first == rest.npos || second == rest.npos) return bad();
  checkpoint_path p{rest.substr(0, first), rest.substr(first + 1, second - first - 1),
                    rest.substr(second + 1)};
  if (!is_run(p.run) || !is_kind(p.kind) || !is_name(p.name)) return bad();
  return p;
}

result<std::unique_ptr<checkpoint_store>> checkpoint_store::open(const std::string& path) {
  auto folder = trust::folder::open(path);
  if (!folder) return fail(folder);
  std::unique_ptr<checkpoint_store> store(new checkpoint_store(std::move(*folder)));
  remove_leftovers(store->folder_);
  store->read_list();
  return store;
}

void checkpoint_store::read_list() {
  std::error_code failed;
  const auto read = [&](const fs::path& file) {
    const auto text = folder_.read(fs::relative(file, folder_.path(), failed).string(), 1 << 20);
    return text ? json::parse(*text, nullptr, false) : json();
  };
  for (const auto& e : fs::directory_iterator(fs::path(folder_.path()) / "runs", failed)) {
    if (e.path().extension() != ".json") continue;
    if (auto r = run_of(read(e.path())))
      runs_[r->id] = std::move(*r);
    else
      complaints_.push_back(e.path().string() + ": not a run's record");
  }
  // Where a folder cannot be entered the rest is unknown too: that is said, and nobody's end.
  std::error_code stopped;
  const auto checkpoints = fs::path(folder_.path()) / "checkpoints";
  for (fs::recursive_directory_iterator at(checkpoints, stopped), end; at != end;
       at.increment(stopped)) {
    if (at->path().extension() != ".json") continue;
    auto c = checkpoint_of(read(at->path()));
    if (c && fs::exists(fs::path(folder_.path()) / data_name(c->path), failed))
      checkpoints_[c->path.text()] = std::move(*c);
    else
      complaints_.push_back(at->path().string() + ": not a checkpoint's record");
  }
  if (stopped && stopped != std::errc::no_such_file_or_directory)
    complaints_.push_back(checkpoints.string() + ": " + stopped.message());
}

result<void> checkpoint_store::write_about(const checkpoint& c) const {
  return folder_.write(about_name(c.path), to_json(c).dump());
}

class checkpoint_store::turn {
 public:
  turn(checkpoint_store& store, const checkpoint_path& path) : store_(store), path_(path.text()) {
    std::unique_lock lock(store_.mutex_);
    store_.turn_over_.wait(lock, [&] { return store_.in_work_.insert(path_).second; });
  }
  ~turn() {
    {
      const std::lock_guard lock(store_.mutex_);
      store_.in_work_.erase(path_);
      store_.reserved_.erase(path_);
    }
    store_.turn_over_.notify_all();
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  checkpoint_store& store_;
  const std::string path_;
};

/// Without the checkpoint `but`. The mutex is held.
std::int64_t checkpoint_store::bytes_of(const std::string& owner, const std::string& but) const {
  std::int64_t sum = 0;
  for (const auto& [path, c] : checkpoints_)
    if (c.owner == owner && path != but && !reserved_.contains(path)) sum += c.size_bytes;
  for (const auto& [path, r] : reserved_)
    if (r.first == owner && path != but) sum += r.second;
  return sum;
}

std::int64_t checkpoint_store::stored_bytes(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  return bytes_of(owner, "");
}

result<void> checkpoint_store::put(const checkpoint& about, const checkpoint_files& files,
                                   bool overwrite, std::int64_t most_bytes) {
  const turn own(*this, about.path);
  auto c = about;
  const auto bytes = packed(files);
  c.time_s = now_s(), c.size_bytes = static_cast<std::int64_t>(bytes.size());
  const auto path = about.path.text();
  {
    const std::lock_guard lock(mutex_);
    const auto found = checkpoints_.find(path);
    if (!overwrite && found != checkpoints_.end() && !is_over(found->second))
      return fail("tinker.exists", "checkpoint already exists: " + path);
    const auto others = bytes_of(c.owner, path);
    if (others > most_bytes - c.size_bytes)
      return fail("tinker.quota",
                  fmt::format("QuotaExceeded: {} MiB of {} are stored, and this checkpoint has {}: "
                              "delete others, or give them a ttl",
                              others >> 20, most_bytes >> 20, (c.size_bytes >> 20) + 1));
    reserved_[path] = {c.owner, c.size_bytes};
  }
  // The record comes last: without it there is no checkpoint.
  HOCKET_TRY(folder_.write(data_name(c.path), bytes));
  HOCKET_TRY(write_about(c));
  const std::lock_guard lock(mutex_);
  checkpoints_[path] = std::move(c);
  return {};
}

result<checkpoint_files> checkpoint_store::read(const checkpoint_path& path) const {
  if (!find(path)) return not_found(path);
  const auto bytes = folder_.read(data_name(path), most_bytes);
  if (!bytes) return fail(bytes);
  return unpacked(*bytes, path.text());
}

std::optional<checkpoint> checkpoint_store::find(const checkpoint_path& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = checkpoints_.find(path.text());
  if (found == checkpoints_.end() || is_over(found->second)) return std::nullopt;
  return found->second;
}

std::vector<checkpoint> checkpoint_store::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<checkpoint> out;
  for (const auto& [path, c] : checkpoints_)
    if (!is_over(c)) out.push_back(c);
  return out;
}

std::vector<checkpoint> checkpoint_store::list(const std::string& owner) const {
  std::vector<checkpoint> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, c] : checkpoints_)
      if (c.owner == owner && !is_over(c)) all.push_back(c);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.time_s > b.time_s; });
  return all;
}

result<void> checkpoint_store::remove(const checkpoint_path& path) {
  const turn own(*this, path);
  return remove_in_turn(path);
}

result<void> checkpoint_store::remove_in_turn(const checkpoint_path& path) {
  const std::lock_guard lock(mutex_);
  const auto found = checkpoints_.find(path.text());
  if (found == checkpoints_.end()) return not_found(path);
  HOCKET_TRY(folder_.remove(about_name(path)));
  checkpoints_.erase(found);
  return folder_.remove(data_name(path));
}

result<void> checkpoint_store::change(const checkpoint_path& path,
                                      const std::function<void(checkpoint&)>& how) {
  const turn own(*this, path);
  const std::lock_guard lock(mutex_);
  const auto found = checkpoints_.find(path.text());
  if (found == checkpoints_.end() || is_over(found->second)) return not_found(path);
  auto changed = found->second;
  how(changed);
  HOCKET_TRY(write_about(changed));
  found->second = std::move(changed);
  return {};
}
result<void> checkpoint_store::set_expiry(const checkpoint_path& path, std::int64_t expires_s) {
  return change(path, [&](checkpoint& c) { c.expires_s = expires_s; });
}
result<void> checkpoint_store::set_public(const checkpoint_path& path, bool is_public) {
  return change(path, [&](checkpoint& c) { c.is_public = is_public; });
}

void checkpoint_store::sweep() {
  std::vector<checkpoint_path> over;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, c] : checkpoints_)
      if (is_over(c)) over.push_back(c.path);
  }
  for (const auto& p : over) {
    const turn own(*this, p);
    // Meanwhile another may have been saved under its name, or its time have been changed.
    if (!find(p)) (void)remove_in_turn(p);  // tried again with the next sweep
  }
}

result<void> checkpoint_store::put(const run_record& run) {
  HOCKET_TRY(folder_.write("runs/" + run.id + ".json", to_json(run).dump()));
  const std::lock_guard lock(mutex_);
  runs_[run.id] = run;
  return {};
}

void checkpoint_store::remove_empty_run(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto of_it = "tinker://" + id + "/";
  const auto kept = checkpoints_.lower_bound(of_it);
  if (kept != checkpoints_.end() && kept->first.starts_with(of_it)) return;
  const auto next = in_work_.lower_bound(of_it);
  if (next != in_work_.end() && next->starts_with(of_it)) return;
  if (folder_.remove("runs/" + id + ".json")) runs_.erase(id);
}

std::optional<run_record> checkpoint_store::find_run(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(id);
  return found == runs_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<run_record> checkpoint_store::all_runs() const {
  const std::lock_guard lock(mutex_);
  std::vector<run_record> all;
  for (const auto& [id, r] : runs_) all.push_back(r);
  return all;
}

std::vector<run_record> checkpoint_store::runs(const std::string& owner) const {
  std::vector<run_record> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, r] : runs_)
      if (r.owner == owner) all.push_back(r);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.time_s > b.time_s; });
  return all;
}

}  // namespace hocket::tinker
