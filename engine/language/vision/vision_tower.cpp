#include "engine/language/vision/vision_tower.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <unordered_map>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include "engine/language/files/dequantize.hpp"
#include "engine/transformer/ops.hpp"
#include "engine/transformer/rotary.hpp"

namespace hocket::language {
// Named, or a class of the header would have members without linkage.
namespace vision_parts {

struct norm {
  at::Tensor gain, shift;
  at::Tensor operator()(const at::Tensor& x, double epsilon) const {
    return engine::ops::layer_norm(x, gain, shift, epsilon);
  }
};

struct linear {
  engine::matrix weight;
  at::Tensor bias;  ///< undefined: none
  at::Tensor operator()(const at::Tensor& x) const {
    auto y = engine::ops::linear(x, weight);
    return bias.defined() ? y.add_(bias) : y;
  }
};

struct layer {
  norm before_attention, before_mlp;
  linear qkv, out, up, down;
  at::Tensor attention_scale, mlp_scale;  ///< [width]
};

}  // namespace vision_parts

struct vision_tower::weights {
  at::Tensor first;   ///< [width] the row before a picture's patches
  at::Tensor places;  ///< [grid * grid, width]
  vision_parts::linear patches, project_in, project_out;
  vision_parts::norm before;
  std::vector<vision_parts::layer> layers;
};

namespace {

using vision_parts::linear;
using vision_parts::norm;

/// Tensors that `check_vision_tensors` has found, as fp32.
class reader {
 public:
  explicit reader(std::span<const stored_weights> tensors) {
    for (const auto& t : tensors) by_name_[t.name] = &t;
  }

  at::Tensor tensor(const std::string& name) {
    const auto& t = *by_name_.at("model.visual." + name);
    auto out = at::empty(t.shape, at::kFloat);
    const auto read =
        dequantize(t.type, t.bytes, {out.data_ptr<float>(), static_cast<std::size_t>(out.numel())});
    if (!read && fine)
      fine = fail(read.error().code, "weights: " + t.name + ": " + read.error().message);
    return out;
  }
  norm norms(const std::string& name) { return {tensor(name + ".weight"), tensor(name + ".bias")}; }
  /// Layers of the same input, one under the other.
  linear stacked(const std::vector<std::string>& names, bool bias) {
    std::vector<at::Tensor> values, biases;
    for (const auto& name : names) {
      values.push_back(tensor(name + ".weight"));
      if (bias) biases.push_back(tensor(name + ".bias"));
    }
    linear l;
    l.weight.value = at::cat(values, 0);
    engine::ops::pack(l.weight, true);
    l.weight.value = at::Tensor();
    if (bias) l.bias = at::cat(biases, 0);
    return l;
  }

  result<void> fine;

 private:
  std::unordered_map<std::string, const stored_weights*> by_name_;
};

/// A patch's place in a picture of `rows` x `columns` pieces.
struct patch_place {
  std::int64_t row = 0, column = 0;
};

/// Patches in the order of their pieces: from the top, within a piece from its top.
std::vector<patch_place> patch_places(const vision_config& c, int rows, int columns) {
  std::vector<patch_place> all;
  for (std::int64_t y = 0; y < rows; ++y)
    for (std::int64_t x = 0; x < columns; ++x)
      for (std::int64_t i = 0; i < c.merge; ++i)
        for (std::int64_t j = 0; j < c.merge; ++j)
          all.push_back({y * c.merge + i, x * c.merge + j});
  return all;
}

/// Between which two rows of the table `index` of `size` lies, and how far: pixels are squares whose centres
/// count, and the border goes on outside.
struct between {
  std::int64_t low, high;
  double share;  ///< of `high`
  between(std::int64_t index, std::int64_t size, int side) {
    const double at = (static_cast<double>(index) + 0.5) * side / static_cast<double>(size) - 0.5;
    const double floor = std::floor(at);
    low = std::clamp<std::int64_t>(static_cast<std::int64_t>(floor), 0, side - 1);
    high = std::clamp<std::int64_t>(static_cast<std::int64_t>(floor) + 1, 0, side - 1);
    share = at - floor;
  }
};

/// What the learnt table says of each place, stretched over the picture: [patches, width].
at::Tensor stretched(const vision_config& c, const at::Tensor& table, int rows, int columns) {
  const auto places = patch_places(c, rows, columns);
  const std::int64_t d = c.width;
  auto out = at::empty({static_cast<std::int64_t>(places.size()), d}, at::kFloat);
  float* to = out.data_ptr<float>();
  const float* from = table.data_ptr<float>();
  for (const auto& p : places) {
    const between y(p.row, std::int64_t{rows} * c.merge, c.grid);
    const between x(p.column, std::int64_t{columns} * c.merge, c.grid);
    const std::array<std::pair<std::int64_t, double>, 4> corners{
        {{y.low * c.grid + x.low, (1 - y.share) * (1 - x.share)},
         {y.low * c.grid + x.high, (1 - y.share) * x.share},
         {y.high * c.grid + x.low, y.share * (1 - x.share)},
         {y.high * c.grid + x.high, y.share * x.share}}};
    for (std::int64_t k = 0; k < d; ++k) {
      double sum = 0;
      for (const auto& [row, weight] : corners) sum += weight * from[row * d + k];
      *to++ = static_cast<float>(sum);
    }
  }
  return out;
}

/// Turns of the row before the patches (none), and of each patch: the first half of a head's pairs by
/// column, the second by row, both counted from 1.
engine::rotation turns(const vision_config& c, int rows, int columns) {
  const auto frequency =
      engine::rotary_frequencies(c.rotary_base, static_cast<int>(c.head_dim() / 2));
  const auto places = patch_places(c, rows, columns);
  const auto quarter = static_cast<std::int64_t>(frequency.size());
  const auto n = static_cast<std::int64_t>(places.size()) + 1;
  engine::rotation r{at::ones({n, 2 * quarter}), at::zeros({n, 2 * quarter})};
  float *cosine = r.cosine.data_ptr<float>() + 2 * quarter,
        *sine = r.sine.data_ptr<float>() + 2 * quarter;
  for (const auto& p : places)
    for (const auto at : {p.column + 1, p.row + 1})
      for (const double f : frequency) {
        *cosine++ = static_cast<float>(std::cos(static_cast<double>(at) * f));
        *sine++ = static_cast<float>(std::sin(static_cast<double>(at) * f));
      }
  return r;
}

/// x [n, heads, head_dim], neighbours in a pair.
at::Tensor turned(const at::Tensor& x, const engine::rotation& by) {
  const auto pairs = x.unflatten(2, {-1, 2});
  const auto a = pairs.select(3, 0), b = pairs.select(3, 1);
  const auto c = by.cosine.unsqueeze(1), s = by.sine.unsqueeze(1);
  return at::stack({a * c - b * s, b * c + a * s}, 3).flatten(2);
}

/// Every row attends to all of the picture: qkv [n, 3 * width] -> [n, width].
at::Tensor attend(const vision_config& c, const at::Tensor& qkv, const engine::rotation& by) {
  const auto heads = qkv.unflatten(1, {3, c.heads, -1});  // [n, 3, heads, head_dim]
  const auto q = turned(heads.select(1, 0), by).transpose(0, 1);
  const auto k = turned(heads.select(1, 1), by).permute({1, 2, 0}).contiguous();
  const auto v = heads.select(1, 2).transpose(0, 1).contiguous();
  const double scale = 1 / std::sqrt(static_cast<double>(c.head_dim()));
  // Or scores of a large picture would not fit.
  const std::int64_t at_once = std::clamp<std::int64_t>(4096 / c.heads, 1, 256);
  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < q.size(1); i += at_once) {
    const auto scores = at::matmul(q.slice(1, i, i + at_once), k).mul_(scale);
    rows.push_back(at::matmul(at::softmax(scores, -1), v));
  }
  return at::cat(rows, 1).transpose(0, 1).flatten(1).contiguous();
}

/// What libtorch throws, out of memory above all.
auto engine_failure(const std::exception& e) {
  const auto* torch = dynamic_cast<const c10::Error*>(&e);
  return fail("model.engine", torch != nullptr ? torch->what_without_backtrace() : e.what());
}

std::string text(std::int64_t rows, std::int64_t columns) {
  return std::to_string(rows) + " x " + std::to_string(columns);
}

/// Patches see each other, and a picture is widened to floats: a config with large patches, or with many in a
/// piece, gets fewer pieces of them.
std::int64_t most_pieces_of(const vision_config& c) {
  constexpr std::int64_t most = vision_tower::most_pieces;
  const std::int64_t patches = std::int64_t{c.merge} * c.merge,
                     pixels = std::int64_t{c.piece()} * c.piece();
  return std::max<std::int64_t>(1, std::min({most, 4 * most / patches, 1600 * most / pixels}));
}

result<void> check_pieces(const vision_config& c, std::int64_t rows, std::int64_t columns) {
  const auto most = most_pieces_of(c);
  if (rows > most || columns > most || rows * columns > most)
    return fail("model.bad_input", "a picture of " + text(rows, columns) + " pieces: at most " +
                                       std::to_string(most) +
                                       " are looked at; make it smaller first");
  return {};
}

}  // namespace

result<picture_pieces> cut_picture(std::span<const std::uint8_t> pixels, std::int64_t height,
                                   std::int64_t width, const vision_config& c) {
  const std::int64_t side = c.piece();
  if (side < 1) return fail("model.bad_config", "the model's config: patches without pixels");
  const auto many = static_cast<std::int64_t>(pixels.size());
  if (height < 1 || width < 1 || width > many / height || height * width != many / 3 ||
      many % 3 != 0)
    return fail("model.bad_input", std::to_string(many) + " bytes are no picture of " +
                                       text(height, width) + " pixels of 3 bytes");
  const auto rows = (height + side - 1) / side, columns = (width + side - 1) / side;
  HOCKET_TRY(check_pieces(c, rows, columns));
  picture_pieces p{static_cast<int>(rows), static_cast<int>(columns), {}};
  p.pixels.reserve(static_cast<std::size_t>(rows * columns * side * side * 3));
  const auto value = [](float v) { return (v / 255.0f - 0.5f) / 0.5f; };
  for (std::int64_t piece = 0; piece < rows * columns; ++piece)
    for (std::int64_t i = 0; i < side * side; ++i) {
      const auto y = piece / columns * side + i / side, x = piece % columns * side + i % side;
      const bool inside = y < height && x < width;
      for (std::int64_t k = 0; k < 3; ++k)
        p.pixels.push_back(
            value(inside ? pixels[static_cast<std::size_t>((y * width + x) * 3 + k)] : -1.0f));
    }
  return p;
}

result<vision_tower> vision_tower::read(const vision_config& c,
                                        std::span<const stored_weights> tensors) try {
  c10::NoGradGuard no_grad;
  std::vector<tensor_header> headers;
  for (const auto& t : tensors) headers.push_back({t.name, traits_of(t.type).name, t.shape});
  HOCKET_TRY(check_vision_tensors(c, headers));
  reader r(tensors);
  auto w = std::make_shared<weights>();
  const std::string places = "backbone.embeddings.";
  w->first = r.tensor(places + "class_embedding") + r.tensor(places + "cls_position_embedding");
  w->places = r.tensor(places + "position_embedding");
  w->patches = r.stacked({places + "patch_embedding"}, false);
  w->before = r.norms("backbone.ln_pre");
  for (int i = 0; i < c.layers && r.fine; ++i) {
    const auto at = "backbone.layers." + std::to_string(i) + ".";
    const auto attention = at + "self_attn.";
    w->layers.push_back(
        {r.norms(at + "ln_1"), r.norms(at + "ln_2"),
         r.stacked({attention + "q_proj", attention + "k_proj", attention + "v_proj"}, true),
         r.stacked({attention + "out_proj"}, true), r.stacked({at + "mlp.c_fc"}, true),
         r.stacked({at + "mlp.c_proj"}, true), r.tensor(at + "ls_1.gamma"),
         r.tensor(at + "ls_2.gamma")});
  }
  w->project_in = r.stacked({"proj_in"}, c.projector_bias);
  w->project_out = r.stacked({"proj_out"}, c.projector_bias);
  if (!r.fine) return fail(r.fine);
  return vision_tower(c, std::move(w));
} catch (const std::exception& e) {
  return engine_failure(e);
}

result<std::vector<float>> vision_tower::see(const picture_pieces& picture) const try {
  const auto& c = config_;
  const auto& w = *weights_;
  const std::int64_t side = c.piece(), patch = c.patch, merge = c.merge;
  HOCKET_TRY(check_pieces(c, picture.rows, picture.columns));
  const auto pieces = std::int64_t{picture.rows} * picture.columns;
  if (picture.rows < 1 || picture.columns < 1 ||
      static_cast<std::int64_t>(picture.pixels.size()) != pieces * side * side * 3)
    return fail("model.bad_input", std::to_string(picture.pixels.size()) +
                                       " numbers are no pieces of " + text(side, side) +
                                       " pixels, " + text(picture.rows, picture.columns));
  c10::NoGradGuard no_grad;
  auto x = at::empty({pieces, merge, patch, merge, patch, 3}, at::kFloat);
  std::copy(picture.pixels.begin(), picture.pixels.end(), x.data_ptr<float>());
  x = w.patches(x.transpose(2, 3).reshape({pieces * merge * merge, patch * patch * 3}));
  x += stretched(c, w.places, picture.rows, picture.columns);
  x = w.before(at::cat({w.first.unsqueeze(0), x}, 0), c.epsilon);
  const auto by = turns(c, picture.rows, picture.columns);
  for (const auto& l : w.layers) {
    const auto seen = attend(c, l.qkv(l.before_attention(x, c.epsilon)), by);
    x = x + l.attention_scale * l.out(seen);
    x = x + l.mlp_scale * l.down(at::gelu(l.up(l.before_mlp(x, c.epsilon))));
  }
  const auto merged = x.slice(0, 1).reshape({pieces, merge * merge * c.width});
  const auto rows = w.project_out(at::gelu(w.project_in(merged))).contiguous();
  const float* from = rows.data_ptr<float>();
  return std::vector<float>(from, from + rows.numel());
} catch (const std::exception& e) {
  return engine_failure(e);
}

}  // namespace hocket::language
