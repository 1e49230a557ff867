// Facts of a made-up conversation, for the tests of what shows a run.
#pragma once

#include <cstdint>

#include "tools/report/conversation.hpp"
#include "tools/report/facts.hpp"

namespace hocket::test {

inline report::fact turn_fact(std::int64_t k, float person, float model, double compute_ms = 10) {
  report::fact f;
  f.what = report::fact::kind::turn;
  f.session = 1;
  f.turn = k;
  f.t_ms = static_cast<double>(k) * 200;
  f.person.rms.fill(person);
  f.person.peak.fill(person);
  f.model.rms.fill(model);
  f.model.peak.fill(model);
  f.compute_ms = compute_ms;
  return f;
}

inline report::fact text_fact(double t_ms, const char* role, const char* words,
                              std::uint64_t request = 0) {
  report::fact f;
  f.what = report::fact::kind::text;
  f.session = 1;
  f.t_ms = t_ms;
  f.role = role;
  f.text = words;
  f.request = request;
  return f;
}

/// The person speaks in [0, 1) s, the model answers in [1.4, 2) s.
inline report::conversation small_talk() {
  report::conversation c;
  for (int k = 0; k < 12; ++k) c.apply(turn_fact(k, k < 5 ? 0.2f : 0, k >= 7 && k < 10 ? 0.3f : 0));
  c.apply(text_fact(1400, "model", "seven"));
  report::fact d;
  d.what = report::fact::kind::delegation;
  d.session = 1;
  d.t_ms = 1200;
  d.request = 3;
  d.text = "seven times <eight> & more";
  d.detail = "start";
  c.apply(d);
  c.apply(text_fact(1900, "background", "56", 3));
  return c;
}

}  // namespace hocket::test
