#include "graph/trust/sealed/sealed.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "graph/trust/files.hpp"

using namespace hocket;
using namespace hocket::trust;

namespace {

const shared_secret key("00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF");
const shared_secret words("correct horse battery staple");

std::string sealed_file(const shared_secret& with, const std::vector<std::string>& parts,
                        bool ended = true) {
  const auto s = seal::fresh(with);
  REQUIRE(s);
  auto out = (*s)->head();
  std::uint64_t n = 0;
  for (const auto& p : parts) out += (*s)->close_all(n, p).value();
  return ended ? out + (*s)->end(n).value() : out;
}
std::string code(const result<std::string>& r) { return r ? "" : r.error().code; }

}  // namespace

TEST_CASE("what is sealed comes back with the same key alone") {
  for (const auto& with : {key, words}) {
    const auto file = sealed_file(with, {"hello ", std::string(3 << 20, 'x'), "end"});
    CHECK(is_sealed(file));
    CHECK(file.find("hello") == file.npos);
    CHECK(unsealed(file, with).value() == "hello " + std::string(3 << 20, 'x') + "end");
    CHECK(code(unsealed(file, shared_secret("another key of words"))) == "seal.wrong_key");
    CHECK(code(unsealed(file, shared_secret(std::string(64, 'a')))) == "seal.wrong_key");
    CHECK(code(unsealed(file, {})) == "seal.needs_key");
  }
  // Nothing repeats: two files of the same bytes have nothing in common.
  const auto a = sealed_file(key, {"same"}), b = sealed_file(key, {"same"});
  CHECK(a.substr(16) != b.substr(16));
}

TEST_CASE("a file that was cut, at the border of a frame or within one, is told from a whole one") {
  const auto first = sealed_file(key, {"one\n"}), file = first + sealed_file(key, {"two\n", "3\n"});
  for (std::size_t n = sealed_head_bytes; n <= file.size(); ++n) {
    seal_report report;
    const auto text = unsealed(std::string_view(file).substr(0, n), key, &report);
    REQUIRE_MESSAGE(text, n);
    CHECK(std::string_view("one\ntwo\n3\n").starts_with(*text));
    if (n >= first.size()) CHECK(text->starts_with("one\n"));
    const bool whole = n == file.size() || n == first.size();  // the second is a whole file, too
    CHECK_MESSAGE(report.problem().empty() == whole, n);
  }
  seal_report report;
  CHECK(unsealed(file, key, &report).value() == "one\ntwo\n3\n");
  CHECK(report.parts == 2);
  CHECK(report.problem().empty());
  // An end belongs behind all of its frames, and to its own part.
  const auto two = sealed_file(key, {"a", "b"}), open = sealed_file(key, {"a", "b"}, false);
  const auto end = two.substr(two.size() - frame_extra_bytes);
  const auto without_last = two.substr(0, two.size() - 1 - 2 * frame_extra_bytes);
  CHECK(code(unsealed(without_last + end, key)) == "seal.damaged");
  CHECK(code(unsealed(open + end, key)) == "seal.damaged");
  CHECK(code(unsealed(two + end, key)) == "seal.damaged");
}

TEST_CASE("a frame that was torn in front of an appended part costs itself alone") {
  for (const auto& with : {key, words}) {
    auto torn = sealed_file(with, {"one\n", "lost line\n"}, false);
    while (torn.back() == 'H') torn = sealed_file(with, {"one\n", "lost line\n"}, false);
    const auto next = sealed_file(with, {"two\n"}), last = sealed_file(with, {"3\n"});
    const std::size_t frame = frame_extra_bytes + 10;
    const std::size_t step = with == key ? 1 : 20;  // words are slow
    for (std::size_t cut = 1; cut < frame; cut += step) {
      seal_report report;
      const auto text = unsealed(torn.substr(0, torn.size() - cut) + next + last, with, &report);
      REQUIRE_MESSAGE(text, cut);
      CHECK(*text == "one\ntwo\n3\n");
      CHECK(report.parts == 3);
      CHECK(report.without_end == 1);
      CHECK(report.lost_bytes == frame - cut);
    }
  }
  // Where the byte that is missing is the one that follows, nothing is.
  auto same = sealed_file(key, {"one\n", "kept\n"}, false);
  while (same.back() != 'H') same = sealed_file(key, {"one\n", "kept\n"}, false);
  seal_report report;
  same.pop_back();
  CHECK(unsealed(same + sealed_file(key, {"two\n"}), key, &report).value() == "one\nkept\ntwo\n");
  CHECK(report.without_end == 1);
  CHECK(report.lost_bytes == 0);
  // A frame that was changed is not a torn one: its part's successor stands where it ends.
  auto changed = sealed_file(key, {"one\n"}, false);
  changed.back() = static_cast<char>(changed.back() ^ 1);
  CHECK(code(unsealed(changed + sealed_file(key, {"two\n"}), key)) == "seal.damaged");
  // Heads that are none cost no key each.
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "HOCKETS1" + std::string(56, '\x02');
  const auto cut = sealed_file(words, {std::string(100'000, 'x')}, false).substr(0, 200) + many;
  const auto took = unsealed(cut, words);
  REQUIRE(took);
  CHECK(took->empty());
}

TEST_CASE("each changed bit, and each frame out of its place, is found") {
  const auto file = sealed_file(key, {"one", "two"});
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto other = file;
    other[i] = static_cast<char>(other[i] ^ 1);
    seal_report report;
    const auto text = unsealed(other, key, &report);
    // What is whole behind it is read, too, and what is not is told.
    CHECK((!text || *text == "onetwo" || *text == "one" || *text == "two" || text->empty()));
    if (i >= sealed_head_bytes) CHECK(text);
    CHECK((!unsealed(other, key) || unsealed(other, key).value() == "onetwo" || i > 9));
    const bool unused = i > 9 && i < 16;
    CHECK_MESSAGE((!text || !report.problem().empty() || unused), i);
  }
  const auto s = seal::of(key, file);
  REQUIRE(s);
  const auto a = (*s)->close(0, "a").value(), b = (*s)->close(1, "b").value();
  CHECK(unsealed((*s)->head() + a + b, key).value() == "ab");
  CHECK(code(unsealed((*s)->head() + b + a, key)) == "seal.damaged");
  CHECK(code(unsealed((*s)->head() + b, key)) == "seal.damaged");
  CHECK(code(unsealed((*s)->head() + a + a, key)) == "seal.damaged");
  // That a file marks no end cannot be put into its head.
  auto unmarked = file.substr(0, file.size() - frame_extra_bytes);
  unmarked[9] = 0;
  CHECK(code(unsealed(unmarked, key)) == "seal.wrong_key");
}

TEST_CASE(
    "a frame that was changed costs itself alone, and it is told; who takes no report is refused") {
  std::vector<std::string> lines;
  for (int i = 0; i < 40; ++i) lines.push_back("line " + std::to_string(i) + "\n");
  const auto file = sealed_file(key, lines) + sealed_file(key, {"next\n"});
  // Of a frame in the middle each byte in turn, also those of its size; then it and others left out.
  auto at = sealed_head_bytes;
  for (int i = 0; i < 7; ++i) at += lines[static_cast<std::size_t>(i)].size() + frame_extra_bytes;
  const auto size = lines[7].size() + frame_extra_bytes;
  const auto without = [&](int from, int to) {
    std::string out;
    for (int i = 0; i < 40; ++i)
      if (i < from || i >= to) out += lines[static_cast<std::size_t>(i)];
    return out + "next\n";
  };
  for (std::size_t i = 0; i < size; ++i)
    for (const char by : {'\x01', '\x80', '\xff'}) {
      auto other = file;
      other[at + i] = static_cast<char>(other[at + i] ^ by);
      seal_report report;
      const auto text = unsealed(other, key, &report);
      REQUIRE_MESSAGE(text, i);
      CHECK_MESSAGE(*text == without(7, 8), i);
      CHECK(report.changed == 1);
      CHECK(report.lost_bytes == size);
      CHECK(report.problem().find("changed in 1 place") != std::string::npos);
      if (i >= 4) CHECK(code(unsealed(other, key)) == "seal.damaged");
    }
  auto shorter = file;
  shorter.erase(at, size);
  seal_report report;
  CHECK(unsealed(shorter, key, &report).value() == without(7, 8));
  CHECK(report.changed == 1);
  auto longer = file;
  longer.insert(at, std::string(1000, '\0'));
  report = {};
  CHECK(unsealed(longer, key, &report).value() == without(40, 40));
  CHECK(report.lost_bytes == 1000);
  auto hole = file;
  std::fill_n(hole.begin() + static_cast<std::ptrdiff_t>(at + 9), 3 * size, '\xee');
  report = {};
  const auto text = unsealed(hole, key, &report).value();
  CHECK(text == without(7, 11));
  CHECK(report.changed == 1);
}

TEST_CASE("the key comes from a variable or a private file, and is never quoted") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hocket-seal-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto path = (folder / "key").string();
  ::unsetenv("HOCKET_SEAL_KEY");
  ::unsetenv("HOCKET_SEAL_KEY_FILE");
  CHECK(sealing_key().value().empty());
  ::setenv("HOCKET_SEAL_KEY", "hunter2", 1);
  const auto bad = sealing_key();
  REQUIRE(!bad);
  CHECK(bad.error().code == "seal.bad_key");
  CHECK(bad.error().message.find("hunter2") == std::string::npos);
  ::unsetenv("HOCKET_SEAL_KEY");
  ::setenv("HOCKET_SEAL_KEY_FILE", path.c_str(), 1);
  CHECK(!sealing_key());
  { std::ofstream(path) << key.exposed() << "\n"; }
  ::chmod(path.c_str(), 0644);
  REQUIRE(!sealing_key());
  CHECK(sealing_key().error().message.find("chmod 600") != std::string::npos);
  ::chmod(path.c_str(), 0600);
  CHECK((sealing_key().value() == key));
  // What the kernel makes up is no file of secrets, whoever owns it.
  for (const char* made_up : {"/proc/self/environ", "/proc/thread-self/environ", "/proc/self/auxv",
                              "/sys/kernel/uevent_seqnum", "/dev/zero", "/dev/stdin"}) {
    ::setenv("HOCKET_SEAL_KEY_FILE", made_up, 1);
    CHECK_MESSAGE(!sealing_key(), made_up);
  }
  ::setenv("HOCKET_SEAL_KEY_FILE", path.c_str(), 1);
  REQUIRE(write_file((folder / "plain").string(), "plain"));
  REQUIRE(write_file((folder / "sealed").string(), sealed_file(key, {"told"})));
  CHECK(read_maybe_sealed((folder / "plain").string()).value() == "plain");
  CHECK(read_maybe_sealed((folder / "sealed").string()).value() == "told");
  ::unsetenv("HOCKET_SEAL_KEY_FILE");
  CHECK(code(read_maybe_sealed((folder / "sealed").string())) == "seal.needs_key");
  std::filesystem::remove_all(folder);
  forget_secrets();
}
