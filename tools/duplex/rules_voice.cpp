#include "tools/duplex/rules.hpp"

namespace hocket::duplex {

using cli::goal;
using s = statistic_of;

namespace {

const std::vector<const char*> going_on{"backchannel", "other", "background"};

measure_rule plain(const char* name, std::vector<const char*> families, const char* key,
                   const char* unit, const char* what) {
  return {name, std::move(families), {key}, s::mean, unit, {}, goal::none, what};
}

}  // namespace

const std::vector<measure_rule>& voice_rules() {
  static const std::vector<measure_rule> all{
      plain(
          "v15.interruption.stop_latency_mean_s", {"interruption"}, "overlap_s", "s",
          "Full-Duplex-Bench V1.5: how long both sound, from the begin of the interruption, where "
          "the model was speaking (its gaps up to 0.5 s closed)"),
      plain("v15.interruption.response_latency_mean_s", {"interruption"}, "response_s", "s",
            "V1.5: end of the interruption to the model's next begin, whatever it says"),
      plain("v15.backchannel.stop_latency_mean_s", {"backchannel"}, "overlap_s", "s",
            "the same for the person's `uh huh`: as long as it is where the model goes on"),
      plain("v15.backchannel.response_latency_mean_s", {"backchannel"}, "response_s", "s",
            "the same; only a model that paused begins again"),
      plain("v15.other.stop_latency_mean_s", {"other"}, "overlap_s", "s", "the same"),
      plain("v15.other.response_latency_mean_s", {"other"}, "response_s", "s", "the same"),
      plain("v15.background.stop_latency_mean_s", {"background"}, "overlap_s", "s", "the same"),
      plain("v15.background.response_latency_mean_s", {"background"}, "response_s", "s",
            "the same"),
      plain(
          "voice.interruption.words_per_s_before", {"interruption"}, "voice_words_per_s_before",
          "1/s",
          "words per second of speech before the overlap, pauses up to 0.5 s counted; this and the "
          "next four where the label is RESPOND, after: of the new answer"),
      plain("voice.interruption.words_per_s_change", {"interruption"}, "voice_words_per_s_change",
            "1/s", "after minus before, paired"),
      plain("voice.interruption.pitch_change_hz", {"interruption"}, "voice_pitch_hz_change", "Hz",
            "mean pitch of voiced frames (autocorrelation), after minus before"),
      plain("voice.interruption.pitch_deviation_change_hz", {"interruption"},
            "voice_pitch_deviation_hz_change", "Hz", "standard deviation of the pitch, the same"),
      plain("voice.interruption.level_change_db", {"interruption"}, "voice_level_db_change", "dB",
            "mean level of 30 ms frames of speech, the same"),
      plain("voice.interruption.level_deviation_change_db", {"interruption"},
            "voice_level_deviation_db_change", "dB", "standard deviation of the level, the same"),
      plain("voice.going_on.words_per_s_before", going_on, "voice_words_per_s_before", "1/s",
            "backchannel, other and background together, where the label is RESUME; after: what "
            "sounds from the overlap's end on"),
      plain("voice.going_on.words_per_s_change", going_on, "voice_words_per_s_change", "1/s",
            "after minus before, paired"),
      plain("voice.going_on.pitch_change_hz", going_on, "voice_pitch_hz_change", "Hz", "the same"),
      plain("voice.going_on.pitch_deviation_change_hz", going_on, "voice_pitch_deviation_hz_change",
            "Hz", "the same"),
      plain("voice.going_on.level_change_db", going_on, "voice_level_db_change", "dB", "the same"),
      plain("voice.going_on.level_deviation_change_db", going_on, "voice_level_deviation_db_change",
            "dB", "the same"),
      plain("voice.pitch_before_hz", {"interruption", "backchannel", "other", "background"},
            "voice_pitch_hz_before", "Hz", "mean pitch before the overlap"),
      plain("voice.level_before_db", {"interruption", "backchannel", "other", "background"},
            "voice_level_db_before", "dBFS", "mean level before the overlap"),
      plain("voice.sudden_stop", {"interruption", "barge_in"}, "voice_sudden_end", "",
            "V1.5's sudden cut-off: share in which the sound falls by 18 dB or more between "
            "neighbouring 30 ms frames where the model gives way"),
      plain("voice.sudden_end", going_on, "voice_sudden_end", "",
            "the same at the end of the stretch that was sounding: what words end like that are "
            "not broken off"),
      plain(
          "real_time.word_wait_mean_s", {any_family}, "word_wait_s", "s",
          "how long after its stream time a word left the graph: computing, hops, stragglers; mean "
          "of the items' means"),
      {"real_time.word_wait_max_p95_s",
       {any_family},
       {"word_wait_max_s"},
       s::p95,
       "s",
       {},
       goal::none,
       "the longest such wait of an item, 95th percentile over items"},
      plain("real_time.lost_sound_ms_per_min", {any_family}, "lost_sound_ms_per_min", "ms/min",
            "what the playout dropped because it came after its time, silence included"),
      plain(
          "real_time.budget_p50_ms", {any_family}, "budget_p50_ms", "ms",
          "the graph's first budget, from the first sample of a micro-turn to the hand-over of its "
          "answer: median of a run, mean over the items"),
      plain("real_time.budget_p99_ms", {any_family}, "budget_p99_ms", "ms",
            "its 99th percentile, mean over the items"),
      plain("real_time.budget_missed", {any_family}, "budget_missed", "",
            "share of micro-turns that broke the budget's limit"),
  };
  return all;
}

}  // namespace hocket::duplex
