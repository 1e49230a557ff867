#include "graph/trust/policy.hpp"

#include <cstdlib>

#include <filesystem>

#include <doctest/doctest.h>

#include "graph/trust/capability.hpp"
#include "graph/trust/secret.hpp"

namespace hocket::trust {

TEST_CASE("policy: levels have names") {
  for (const auto l :
       {level::own, level::downloaded, level::recorded, level::peer, level::tenant, level::adapter})
    CHECK(level_named(to_string(l)) == l);
  CHECK(!level_named("root"));
}

TEST_CASE("policy: only a file of one's own reaches files, devices, addresses and variables") {
  const auto own = default_policy(level::own);
  CHECK(may_use_element(own, "filesink"));
  CHECK(may_read(own, "/etc/hostname"));
  CHECK(may_see_variable(own, "HOME"));
  CHECK(!may_load(own, "/lib/evil.so"));  // the command line names plugins
  for (const auto who :
       {level::downloaded, level::recorded, level::peer, level::tenant, level::adapter}) {
    CAPTURE(to_string(who));
    const auto p = default_policy(who);
    for (const char* element : {"filesink",      "filesrc",      "alsasrc",     "pulsesrc",
                                "v4l2src",       "autoaudiosrc", "souphttpsrc", "uridecodebin",
                                "uridecodebin3", "playbin",      "dataurisrc",  "udpsink",
                                "tcpserversink", "hlsdemux",     "fdsrc",       "shmsink",
                                "multifilesink", "giosrc",       "rtspsrc",     "urisourcebin",
                                "ximagesrc",     "splitmuxsink", "filesinkx",   ""})
      CHECK_MESSAGE(!may_use_element(p, element), element);
    for (const char* element : {"audiotestsrc", "audioconvert", "decodebin", "equalizer-3bands"})
      CHECK_MESSAGE(may_use_element(p, element), element);
    CHECK(may_use_component(p, "audio.dmel"));
    CHECK(!may_read(p, "/etc/hostname"));
    CHECK(!may_see_variable(p, "HOME"));
    CHECK(!may_reach(p, "http://127.0.0.1/"));
    CHECK(!may_load(p, "/lib/evil.so"));
  }
}

TEST_CASE("policy: a variable that somebody may see is a secret from then on") {
  const auto own = default_policy(level::own);
  setenv("HOCKET_CASE_TOKEN", "tok-4711-melville", 1);
  CHECK(without_secrets("bad key: tok-4711-melville") == "bad key: tok-4711-melville");
  CHECK(may_see_variable(own, "HOCKET_CASE_TOKEN"));
  CHECK(without_secrets("bad key: tok-4711-melville") == "bad key: ${env:HOCKET_CASE_TOKEN}");
  unsetenv("HOCKET_CASE_TOKEN");
  forget_secrets();
}

TEST_CASE("policy: a refusal names the level, the thing and the remedy") {
  const auto said = may_use_element(default_policy(level::recorded), "filesink").error();
  CHECK(said.code == "trust.refused");
  CHECK(said.message ==
        "the graph of a recording may not use the GStreamer element `filesink`; --trust gives it "
        "what a file of your own may do");
}

TEST_CASE("policy: a folder means what is beneath it, links resolved") {
  namespace fs = std::filesystem;
  auto name = (fs::temp_directory_path() / "hocket-policy-XXXXXX").string();
  const fs::path at = mkdtemp(name.data());
  fs::create_directories(at / "models/a");
  fs::create_directories(at / "models-of-others");
  fs::create_directory_symlink("/etc", at / "models/way-out");
  policy p = default_policy(level::peer);
  p.folders = {(at / "models").string()};
  CHECK(may_read(p, (at / "models/a/weights").string()));
  CHECK(may_read(p, (at / "models").string()));
  CHECK(may_read(p, (at / "models/a/../b").string()));
  CHECK(!may_read(p, (at / "models/../secret").string()));
  CHECK(!may_read(p, (at / "models-of-others/x").string()));
  CHECK(!may_read(p, (at / "models/way-out/passwd").string()));
  fs::remove_all(at);
}

TEST_CASE("policy: every element of a pipeline is seen, however it is written") {
  const auto p = default_policy(level::recorded);
  CHECK(may_run_pipeline(p, "audiotestsrc num-buffers=50 ! audioconvert ! audioresample"));
  CHECK(may_run_pipeline(p,
                         "audiotestsrc wave=sine name=a ! audio/x-raw,rate=16000 ! tee name=t "
                         "t. ! queue ! fakesink t.src_1 ! queue"));
  for (const char* text :
       {"audiotestsrc ! filesink location=x", "filesink location=x audiotestsrc ! audioconvert",
        "audiotestsrc !filesink location=x", "audiotestsrc ! ( filesink location=x )", "(filesink)",
        "audiotestsrc ! bin.( filesink )", "audiotestsrc!filesink", "\"filesink\" location=x",
        "audiotestsrc ! file\\sink", "audiotestsrc ! 'filesink'",
        "audiotestsrc name=\"a b\" ! filesink", "audiotestsrc name='!' filesink",
        "audiotestsrc ;filesink", "audiotestsrc\n!\nfilesink\n"})
    CHECK_MESSAGE(!may_run_pipeline(p, text), text);
}

TEST_CASE("capability: --no-pii keeps words and voices out of files, pipelines too") {
  const capability with(default_policy(level::own), "out"),
      without(default_policy(level::own), "out", false);
  CHECK(with.keeps(data_class::voice));
  CHECK(with.keeps(data_class::word));
  CHECK(!with.keeps(data_class::secret));
  CHECK(!without.keeps(data_class::voice));
  CHECK(!without.keeps(data_class::word));
  CHECK(without.keeps(data_class::figure));
  CHECK(with.pipeline("wavenc ! filesink location=x"));
  for (const char* text : {"wavenc ! filesink location=x", "multifilesink", "splitmuxsink",
                           "hlssink2", "fdsink fd=3", "giosink location=file:///x"})
    CHECK_MESSAGE(!without.pipeline(text), text);
  CHECK(without.pipeline("autoaudiosink"));
}

TEST_CASE("capability: files lie beneath the output folder") {
  namespace fs = std::filesystem;
  auto name = (fs::temp_directory_path() / "hocket-may-XXXXXX").string();
  const fs::path at = mkdtemp(name.data());
  const capability may(default_policy(level::own), (at / "out").string());
  CHECK(may.create("a/b.wav"));
  CHECK(may.create((at / "out/c.wav").string()));
  CHECK(fs::exists(at / "out/a/b.wav"));
  CHECK(fs::exists(at / "out/c.wav"));
  CHECK(may.create("../d.wav").error().code == "files.outside");
  CHECK(may.create((at / "d.wav").string()).error().code == "files.outside");
  CHECK(!fs::exists(at / "d.wav"));
  fs::remove_all(at);
}

}  // namespace hocket::trust
