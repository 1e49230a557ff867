#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/core/result.hpp"

typedef struct _cairo cairo_t;
typedef struct _cairo_surface cairo_surface_t;

namespace hocket::report {

struct color {
  double r = 0, g = 0, b = 0, a = 1;
  /// From 0xRRGGBB.
  static constexpr color of(unsigned rgb, double alpha = 1) {
    return {((rgb >> 16) & 255) / 255.0, ((rgb >> 8) & 255) / 255.0, (rgb & 255) / 255.0, alpha};
  }
  constexpr color with_alpha(double alpha) const { return {r, g, b, alpha}; }
};

struct point {
  double x = 0, y = 0;
};

struct font {
  double size = 11;
  bool bold = false;
  bool italic = false;
};

enum class align { left, center, right };

/// A thin drawing surface (cairo) that becomes an SVG or a PNG file. Text in the SVG is outlines,
/// so it looks the same everywhere.
class canvas {
 public:
  /// `path` ends in .svg or .png; PNG pixels are `scale` per unit.
  /// Errors: picture.bad_format, picture.cannot_write.
  static result<canvas> open(const std::string& path, double width, double height, double scale);
  canvas(canvas&&) = default;
  canvas& operator=(canvas&&) = default;
  ~canvas();

  void rectangle(double x, double y, double w, double h, color fill);
  void rounded(double x, double y, double w, double h, double radius, color fill);
  void line(point a, point b, color stroke, double width = 1, bool dotted = false);
  void polygon(const std::vector<point>& points, color fill);
  void polyline(const std::vector<point>& points, color stroke, double width);
  /// Filled head of an arrow at `tip`, pointing along (dx, dy).
  void arrow_head(point tip, double dx, double dy, color fill, double size = 5);
  /// Baseline at y.
  void text(const std::string& s, double x, double y, font f, color fill, align a = align::left);
  double text_width(const std::string& s, font f) const;
  void clip(double x, double y, double w, double h);
  void unclip();

  /// Writes the file. Errors: picture.cannot_write.
  result<void> finish();

 private:
  canvas() = default;
  void select(font f) const;

  std::string path_;
  std::unique_ptr<std::string> drawn_ = std::make_unique<std::string>();  ///< the file's bytes
  std::shared_ptr<cairo_surface_t> surface_;
  std::shared_ptr<cairo_t> context_;
};

}  // namespace hocket::report
