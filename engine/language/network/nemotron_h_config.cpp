// The hybrid Nemotron models: layers of one branch each, in an order that the file gives.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/language/network/config_values.hpp"

namespace hocket::language {
namespace {

using engine::mixer_kind;

/// What a layer is, by its letter.
constexpr char mamba = 'M', attention = '*', feed = '-', experts = 'E';

/// The order of layers as letters, from `hybrid_override_pattern` or from the newer lists of words.
std::string read_order(values& v) {
  for (const char* key : {"layers_block_type", "layer_types"}) {
    if (!v.has(key)) continue;
    std::string order;
    if (!v.at(key).is_array()) v.note(key, "is no list");
    for (const auto& word : v.at(key)) {
      if (word == "mamba" || word == "linear_attention")
        order += mamba;
      else if (word == "attention" || word == "full_attention")
        order += attention;
      else if (word == "mlp")
        order += feed;
      else if (word == "moe")
        order += experts;
      else
        v.note(key,
               word.dump() + " is not supported; linear_attention, full_attention, mlp, moe are");
    }
    return order;
  }
  if (!v.has("hybrid_override_pattern")) v.note("hybrid_override_pattern", "missing");
  const auto order = v.text("hybrid_override_pattern", "");
  for (const char letter : order)
    if (std::string("M*-E").find(letter) == std::string::npos)
      v.note("hybrid_override_pattern",
             json(std::string(1, letter)).dump(-1, ' ', false, json::error_handler_t::replace) +
                 " is not supported; M, *, - and E are");
  return order;
}

engine::state_space_config read_state_space(values& v) {
  engine::state_space_config s;
  s.heads = static_cast<int>(v.integer("mamba_num_heads", 1, 4096, 128));
  s.head_dim = static_cast<int>(v.integer("mamba_head_dim", 1, 1024, 64));
  s.state = static_cast<int>(v.integer("ssm_state_size", 1, 1024, 128));
  s.groups = static_cast<int>(v.integer("n_groups", 1, 4096, 8));
  s.kernel = static_cast<int>(v.integer("conv_kernel", 1, 64, 4));
  s.bias = v.flag("use_bias", false) || v.flag("mamba_proj_bias", false);
  s.taps_bias = v.flag("use_conv_bias", true);
  // transformers holds steps at the least that training began with; nothing holds them from above.
  s.least_step = v.number("time_step_min", 0, 1, 0.001);
  if (s.heads % s.groups != 0) v.note("n_groups", "does not divide mamba_num_heads");
  if (s.state_size() > 1 << 26) v.note("ssm_state_size", "makes states of over 2^26 numbers");
  const auto act = v.text("mamba_hidden_act", "silu");
  if (act != "silu" && act != "swish")
    v.note("mamba_hidden_act", "`" + act + "` is not supported here; `silu` is");
  return s;
}

engine::feed_forward_config read_experts(values& v, engine::feed_forward_config f) {
  if (v.has("moe_latent_size")) v.note("moe_latent_size", "is not supported");
  auto& e = f.experts;
  e.count = static_cast<int>(v.integer("n_routed_experts", 1, 4096));
  e.chosen = v.size("num_experts_per_tok");
  e.router = engine::router_kind::sigmoid;
  e.shared = static_cast<int>(v.integer("n_shared_experts", 0, 1, 1));
  if (e.shared > 0) e.shared_width = v.size("moe_shared_expert_intermediate_size");
  e.normalise = v.flag("norm_topk_prob", true), e.scale = v.factor("routed_scaling_factor", 1);
  e.groups = v.size("n_group", 1), e.groups_chosen = v.size("topk_group", 1);
  f.width = v.size("moe_intermediate_size");
  if (e.chosen > e.count) v.note("num_experts_per_tok", "is more than there are experts");
  if (e.count % e.groups != 0 || e.groups_chosen > e.groups ||
      e.chosen > e.count / e.groups * e.groups_chosen)
    v.note("n_group", "does not fit the number of experts");
  return f;
}

}  // namespace

void read_nemotron_h(values& v, draft& d) {
  const auto order = read_order(v);
  const auto layers = static_cast<std::int64_t>(order.size());
  if (layers < 1 || layers > 4096) v.note("hybrid_override_pattern", "has not 1 to 4096 layers");
  if (v.integer("num_hidden_layers", 1, 4096, layers) != layers)
    v.note("num_hidden_layers", "is not as many layers as are listed");
  auto& c = d.c;
  c.trunk.norm_epsilon = v.epsilon("layer_norm_epsilon", 1e-5);
  c.trunk.rotary.clear();  // attention learns of positions from the layers between
  d.attention.rotary = -1;
  d.attention.bias = d.attention.out_bias = v.flag("attention_bias", false);
  d.feed.bias = v.flag("mlp_bias", false);
  d.feed.activation = engine::activation_kind::relu_squared;
  const auto space =
      order.find(mamba) != std::string::npos ? read_state_space(v) : engine::state_space_config();
  if (std::count(order.begin(), order.end(), mamba) * space.state_size() > 1 << 30)
    v.note("ssm_state_size", "makes states of over 2^30 numbers in all layers together");
  const auto sparse = order.find(experts) != std::string::npos ? read_experts(v, d.feed) : d.feed;
  d.layers = static_cast<int>(layers);
  d.per_layer = [order, space, sparse](int i, engine::layer_config& layer) {
    const char kind = order[static_cast<std::size_t>(i)];
    if (kind == experts) layer.feed_forward = sparse;
    if (kind == mamba || kind == attention) layer.feed_forward = {};
    layer.mixer = kind == mamba       ? mixer_kind::state_space
                  : kind == attention ? mixer_kind::attention
                                      : mixer_kind::none;
    if (kind == mamba) layer.state_space = space;
  };
}

}  // namespace hocket::language
