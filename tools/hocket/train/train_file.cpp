#include "tools/hocket/train/train_file.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "graph/contract/config.hpp"
#include "graph/spec/yaml.hpp"

namespace hocket::cli {
namespace {

struct model_part final : config_base {
  std::int64_t width = 256, layers = 6, heads = 4, feed_forward = 640, window = 300;
  std::int64_t audio_context = 3, flow_width = 384, flow_blocks = 3, video = 0;
  std::string backbone = "plain", gates = "published", residuals = "published";
  std::int64_t experts = 0, chosen = 2, loop_passes = 1;
  void visit(config_visitor& v) override {
    v.field({.name = "width",
             .doc = "of the states; a multiple of 16 times heads",
             .min = 16,
             .max = 8192},
            width);
    v.field({.name = "layers", .doc = "of the transformer", .min = 1, .max = 256}, layers);
    v.field({.name = "heads", .doc = "of attention", .min = 1, .max = 128}, heads);
    v.field({.name = "feed_forward", .doc = "hidden width of a layer", .min = 16, .max = 65536},
            feed_forward);
    v.field({.name = "window", .doc = "positions a layer sees; 0 = all", .min = 0, .max = 65536},
            window);
    v.field({.name = "audio_context", .doc = "50 ms frames in one embedding", .min = 1, .max = 16},
            audio_context);
    v.field({.name = "video",
             .doc = "40x40 patches per micro-turn, 0 = blind; the conversations draw one",
             .min = 0,
             .max = 1},
            video);
    v.field({.name = "backbone",
             .doc = "plain layers, or those of the published Inkling models; `inkling2` sums them "
                    "in blocks of two",
             .choices = {"plain", "inkling", "inkling2"}},
            backbone);
    v.field({.name = "gates",
             .doc = "gated output of attention, and sinks; published: as the backbone has them. "
                    "Not with plain layers",
             .choices = {"published", "with", "without"}},
            gates);
    v.field({.name = "residuals",
             .doc = "attention residuals over blocks of two layers; likewise",
             .choices = {"published", "with", "without"}},
            residuals);
    v.field(
        {.name = "experts",
         .doc = "of a layer, feed_forward wide each; 0: one feed-forward. Not with plain layers",
         .min = 0,
         .max = 256},
        experts);
    v.field({.name = "chosen", .doc = "experts that a position takes", .min = 1, .max = 256},
            chosen);
    v.field({.name = "loop_passes",
             .doc = "how often all layers but the first and last two run; with residuals",
             .min = 1,
             .max = 8},
            loop_passes);
    v.field({.name = "flow_width", .doc = "of the flow head", .min = 16, .max = 8192}, flow_width);
    v.field({.name = "flow_blocks", .doc = "of the flow head", .min = 1, .max = 64}, flow_blocks);
  }
};

/// Of a part of a backbone, as `engine::backbone_settings` has it.
int part_of(const std::string& said) { return said == "published" ? -1 : said == "with" ? 1 : 0; }

void set_backbone(const model_part& from, engine::model_config& c) {
  auto& b = c.backbone;
  b.experts = static_cast<int>(from.experts), b.chosen = static_cast<int>(from.chosen);
  b.loop_passes = static_cast<int>(from.loop_passes);
  b.gates = part_of(from.gates), b.residuals = part_of(from.residuals);
  if (from.backbone == "plain") return;  // which has neither: refused where they are asked for
  b.generation = from.backbone == "inkling" ? 1 : 2;
  b.loop_begin = b.block, b.loop_end = c.layers - b.block;
  c.attention.rotary = false;
  c.attention.relative_extent = c.attention.window > 0 ? std::min(c.attention.window, 1024) : 1024;
}

struct adapter_part final : config_base {
  adapter_plan a;
  void visit(config_visitor& v) override {
    v.field({.name = "name", .doc = "for its card"}, a.name);
    v.field({.name = "rank", .doc = "of both of its matrices", .min = 1, .max = 4096}, a.rank);
    v.field({.name = "alpha", .doc = "it is scaled by alpha / rank", .min = 0}, a.alpha);
    v.field({.name = "rate", .doc = "the highest of AdamW", .min = 0, .max = 1}, a.rate);
    v.field({.name = "modules",
             .doc = "which linear layers: all-linear (none of the heads), or an expression for "
                    "whole names as in model.safetensors"},
            a.modules);
    v.field({.name = "ledger", .doc = "where its card is recorded; empty: nowhere"}, a.ledger);
  }
};

struct train_part final : config_base {
  train_config c;
  std::string out = "out/train/nano";
  std::int64_t seed = 1, data_seed = 1, steps = c.steps, warmup = c.warmup_steps;
  std::int64_t decay = c.decay_steps, batch = c.batch, workers = c.workers, log_every = c.log_every;
  std::int64_t flow_frames = c.flow_frames;
  std::int64_t eval_conversations = 32;
  double seconds = 15, slips = 0.2, eval_minutes = 15;
  std::vector<std::string> families;
  std::string variety = "plain", from, bank, voice;
  double field = 0;
  std::int64_t field_ramp_steps = 0;
  void visit(config_visitor& v) override {
    v.field({.name = "out", .doc = "folder of checkpoints and curves", .is_path = false}, out);
    v.field({.name = "seed", .doc = "of weights and noise", .min = 0}, seed);
    v.field({.name = "data_seed", .doc = "of the conversations", .min = 0}, data_seed);
    v.field({.name = "seconds", .doc = "length of a conversation", .min = 2, .max = 600}, seconds);
    v.field({.name = "families",
             .doc = "what happens in them; a repeated name comes more often; empty: all"},
            families);
    v.field({.name = "variety",
             .doc = "of the sound: plain (espeak-ng, white noise) or rich (flite too, rooms, echo, "
                    "loss)",
             .choices = {"plain", "rich"}},
            variety);
    v.field({.name = "slips",
             .doc = "share of the model's phrases that have another word than they should, so that "
                    "its voice learns to say what is written",
             .min = 0,
             .max = 1},
            slips);
    v.field({.name = "field",
             .doc = "share of the conversations with noise, telephones, talk that is not for the "
                    "model and the voices of the bank; the others stay as they are",
             .min = 0,
             .max = 1},
            field);
    v.field(
        {.name = "field_ramp_steps",
         .doc = "over which that share grows from 0, so that a trained model meets it by and by",
         .min = 0},
        field_ramp_steps);
    v.field({.name = "bank",
             .doc = "folder that tools/scenarios/bank/make_bank.py made; empty, or missing: "
                    "synthesisers alone",
             .is_path = false},
            bank);
    v.field(
        {.name = "voice",
         .doc =
             "folder that tools/scenarios/bank/own_voice.py made: what the model's voice learns; "
             "empty: flite",
         .is_path = false},
        voice);
    v.field({.name = "from",
             .doc = "folder of a trained model to begin with, or of a published Inkling "
                    "checkpoint, whose layers and sizes it takes; empty: none"},
            from);
    v.field({.name = "steps", .doc = "in all", .min = 1}, steps);
    v.field({.name = "warmup_steps", .doc = "until the full rate", .min = 0}, warmup);
    v.field({.name = "decay_steps", .doc = "at the end, to rate 0", .min = 0}, decay);
    v.field({.name = "batch", .doc = "conversations per step", .min = 1, .max = 4096}, batch);
    v.field({.name = "workers", .doc = "threads", .min = 1, .max = 256}, workers);
    v.field({.name = "matrix_rate", .doc = "of Muon", .min = 0, .max = 1}, c.matrix_rate);
    v.field({.name = "rate", .doc = "of AdamW", .min = 0, .max = 1}, c.rate);
    v.field({.name = "text_weight", .doc = "of a loss", .min = 0}, c.text_weight);
    v.field({.name = "heard_weight", .doc = "of a loss", .min = 0}, c.heard_weight);
    v.field({.name = "gate_weight", .doc = "of a loss", .min = 0}, c.gate_weight);
    v.field(
        {.name = "spoken_weight",
         .doc =
             "of a loss: which word the voice is saying; sound and text differ less often with it",
         .min = 0},
        c.spoken_weight);
    v.field({.name = "flow_weight", .doc = "of a loss", .min = 0}, c.flow_weight);
    v.field({.name = "flow_frames",
             .doc = "voiced frames of a conversation that the flow learns from in a step",
             .min = 1,
             .max = 4096},
            flow_frames);
    v.field(
        {.name = "average",
         .doc = "decay of the weights' running average over steps, such as 0.998; it is what is "
                "evaluated and exported. 0: none",
         .min = 0,
         .max = 0.99999},
        c.average);
    v.field(
        {.name = "balance",
         .doc = "by how much a step moves a busy expert's correction down and an idle one's up; "
                "choices alone change. 0: they stay",
         .min = 0,
         .max = 1},
        c.balance);
    v.field({.name = "only_voice",
             .doc = "only the flow head learns; what the model hears and writes stays as it is"},
            c.only_voice);
    v.field({.name = "speech_noise", .doc = "on fed-back speech", .min = 0, .max = 10},
            c.speech_noise);
    v.field({.name = "token_dropout", .doc = "of fed-back words", .min = 0, .max = 1},
            c.token_dropout);
    v.field({.name = "frequency_warp", .doc = "of the person's voice", .min = 0, .max = 0.5},
            c.frequency_warp);
    v.field({.name = "checkpoint_minutes", .doc = "between checkpoints", .min = 0},
            c.checkpoint_minutes);
    v.field({.name = "log_every", .doc = "steps per report", .min = 1}, log_every);
    v.field(
        {.name = "eval_minutes",
         .doc = "between closed-loop evaluations (rows of eval.csv), of which row 0 is `from`; 0: "
                "one at the end",
         .min = 0},
        eval_minutes);
    v.field({.name = "eval_conversations", .doc = "of one evaluation", .min = 1},
            eval_conversations);
  }
};

}  // namespace

train_plan read_train_file(const std::string& path, diagnostics& findings) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    findings.add({.where = {path, 0, 0},
                  .code = "train.file",
                  .message = "cannot read the file",
                  .hint = "configs/train/nano.yaml is one to start from",
                  .notes = {}});
    return {};
  }
  const auto tree = spec::parse_yaml(path, text.str(), findings);
  if (!tree) return {};
  train_part whole;
  model_part model;
  read_config(*tree, whole, "training", {"model", "adapter"}, findings);
  if (const auto* part = tree->find("model")) read_config(*part, model, "model", {}, findings);
  if (model.width % (16 * model.heads) != 0)
    findings.add({.where = {path, 0, 0},
                  .code = "config.range",
                  .message = "model: width " + std::to_string(model.width) +
                             " is no multiple of 16 times heads (" + std::to_string(model.heads) +
                             ")",
                  .hint = {},
                  .notes = {}});
  train_plan plan;
  auto& c = plan.engine = whole.c;
  c.output = whole.out, c.seed = static_cast<std::uint64_t>(whole.seed);
  c.steps = whole.steps, c.warmup_steps = whole.warmup, c.decay_steps = whole.decay;
  c.batch = static_cast<int>(whole.batch), c.flow_frames = static_cast<int>(whole.flow_frames),
  c.workers = static_cast<int>(whole.workers);
  c.log_every = whole.log_every;
  c.model.width = static_cast<int>(model.width), c.model.layers = static_cast<int>(model.layers);
  c.model.feed_forward = static_cast<int>(model.feed_forward);
  c.model.audio_context = static_cast<int>(model.audio_context);
  c.model.attention.heads = c.model.attention.kv_heads = static_cast<int>(model.heads);
  c.model.attention.head_dim = static_cast<int>(model.width / model.heads);
  c.model.attention.window = static_cast<int>(model.window);
  c.model.flow.width = static_cast<int>(model.flow_width);
  c.model.flow.blocks = static_cast<int>(model.flow_blocks);
  set_backbone(model, c.model);
  const auto sound = engine::parse_model_config(engine::to_json(c.model));
  if (!sound && !findings.has_errors())
    findings.add({.where = tree->where(),
                  .code = "config.range",
                  .message = "training: `model`: " + sound.error().message,
                  .hint = {},
                  .notes = {}});
  // Seeing takes no place on the time axis: weights of a model that does not see stay usable.
  c.model.layout.video = static_cast<int>(model.video);
  c.model.attention.rotary_shared = model.video > 0;
  plan.slips = whole.slips;
  plan.field = whole.field, plan.bank = whole.bank, plan.voice = whole.voice;
  plan.field_ramp = static_cast<std::uint64_t>(whole.field_ramp_steps * whole.batch);
  plan.variety = whole.variety == "rich" ? scenarios::variety::rich : scenarios::variety::plain;
  c.from = whole.from;
  plan.data_seed = static_cast<std::uint64_t>(whole.data_seed);
  plan.families = whole.families;
  plan.seconds = whole.seconds, plan.eval_minutes = whole.eval_minutes;
  plan.eval_conversations = whole.eval_conversations;
  if (const auto* part = tree->find("adapter")) {
    adapter_part adapter;
    read_config(*part, adapter, "adapter", {}, findings);
    plan.adapter = adapter.a;
    for (const auto& [key, given] :
         {std::pair{"only_voice", c.only_voice}, {"average", c.average > 0}, {"balance", true}})
      if (const auto* at = tree->find(key); at && given)
        findings.add(
            {.where = at->where(),
             .code = "config.range",
             .message = std::string("training: `") + key +
                        "` is of a whole model's training, and this trains an `adapter`",
             .hint = "leave it out; which layers learn is said in `adapter: {modules: ...}`",
             .notes = {}});
  }
  return plan;
}

}  // namespace hocket::cli
