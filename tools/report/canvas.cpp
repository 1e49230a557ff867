#include "tools/report/canvas.hpp"

#include <cmath>

#include <cairo-svg.h>
#include <cairo.h>
#include <fmt/format.h>

#include "graph/trust/files.hpp"

namespace hocket::report {
namespace {

void use(cairo_t* c, color k) { cairo_set_source_rgba(c, k.r, k.g, k.b, k.a); }

/// Cairo hands a picture over in pieces.
cairo_status_t take_piece(void* to, const unsigned char* bytes, unsigned int size) {
  static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

bool ends_in(const std::string& s, std::string_view end) {
  return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

result<canvas> canvas::open(const std::string& path, double width, double height, double scale) {
  canvas out;
  out.path_ = path;
  const bool svg = ends_in(path, ".svg");
  if (!svg && !ends_in(path, ".png"))
    return fail("picture.bad_format",
                fmt::format("{}: a picture's name ends in .svg or .png", path));
  auto* surface =
      svg ? cairo_svg_surface_create_for_stream(take_piece, out.drawn_.get(), width, height)
          : cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                       static_cast<int>(std::lround(width * scale)),
                                       static_cast<int>(std::lround(height * scale)));
  out.surface_ = {surface, cairo_surface_destroy};
  if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
    return fail("picture.cannot_write",
                fmt::format("{}: {}", path, cairo_status_to_string(cairo_surface_status(surface))));
  out.context_ = {cairo_create(surface), cairo_destroy};
  if (!svg) cairo_scale(out.context_.get(), scale, scale);
  // Whole hinted advances would make text a little wider or narrower in the PNG than in the SVG.
  auto* options = cairo_font_options_create();
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_set_font_options(out.context_.get(), options);
  cairo_font_options_destroy(options);
  return out;
}

canvas::~canvas() = default;

void canvas::rectangle(double x, double y, double w, double h, color fill) {
  use(context_.get(), fill);
  cairo_rectangle(context_.get(), x, y, w, h);
  cairo_fill(context_.get());
}

void canvas::rounded(double x, double y, double w, double h, double radius, color fill) {
  auto* c = context_.get();
  const double r = std::min({radius, w / 2, h / 2});
  cairo_new_sub_path(c);
  cairo_arc(c, x + w - r, y + r, r, -M_PI / 2, 0);
  cairo_arc(c, x + w - r, y + h - r, r, 0, M_PI / 2);
  cairo_arc(c, x + r, y + h - r, r, M_PI / 2, M_PI);
  cairo_arc(c, x + r, y + r, r, M_PI, 1.5 * M_PI);
  cairo_close_path(c);
  use(c, fill);
  cairo_fill(c);
}

void canvas::line(point a, point b, color stroke, double width, bool dotted) {
  polyline({a, b}, stroke, dotted ? -width : width);
}

void canvas::polyline(const std::vector<point>& points, color stroke, double width) {
  auto* c = context_.get();
  const double dash[] = {1.5, 2.5};
  cairo_set_dash(c, dash, width < 0 ? 2 : 0, 0);
  cairo_set_line_width(c, std::fabs(width));
  use(c, stroke);
  cairo_new_path(c);
  for (const auto& p : points) cairo_line_to(c, p.x, p.y);
  cairo_stroke(c);
  cairo_set_dash(c, nullptr, 0, 0);
}

void canvas::polygon(const std::vector<point>& points, color fill) {
  auto* c = context_.get();
  cairo_new_path(c);
  for (const auto& p : points) cairo_line_to(c, p.x, p.y);
  cairo_close_path(c);
  use(c, fill);
  cairo_fill(c);
}

void canvas::arrow_head(point tip, double dx, double dy, color fill, double size) {
  const double length = std::hypot(dx, dy);
  if (length == 0) return;
  dx *= size / length;
  dy *= size / length;
  const double half = 0.55;
  polygon({tip,
           {tip.x - dx - half * dy, tip.y - dy + half * dx},
           {tip.x - dx + half * dy, tip.y - dy - half * dx}},
          fill);
}

void canvas::select(font f) const {
  cairo_select_font_face(context_.get(), "DejaVu Sans",
                         f.italic ? CAIRO_FONT_SLANT_ITALIC : CAIRO_FONT_SLANT_NORMAL,
                         f.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context_.get(), f.size);
}

double canvas::text_width(const std::string& s, font f) const {
  select(f);
  cairo_text_extents_t e;
  cairo_text_extents(context_.get(), s.c_str(), &e);
  return e.x_advance;
}

void canvas::text(const std::string& s, double x, double y, font f, color fill, align a) {
  const double wide = a == align::left ? 0 : text_width(s, f);
  select(f);
  use(context_.get(), fill);
  cairo_move_to(context_.get(),
                a == align::left     ? x
                : a == align::center ? x - wide / 2
                                     : x - wide,
                y);
  cairo_show_text(context_.get(), s.c_str());
}

void canvas::clip(double x, double y, double w, double h) {
  cairo_save(context_.get());
  cairo_rectangle(context_.get(), x, y, w, h);
  cairo_clip(context_.get());
}

void canvas::unclip() { cairo_restore(context_.get()); }

result<void> canvas::finish() {
  auto status = cairo_status(context_.get());
  context_.reset();
  if (status == CAIRO_STATUS_SUCCESS) {
    if (ends_in(path_, ".png")) {
      status = cairo_surface_write_to_png_stream(surface_.get(), take_piece, drawn_.get());
    } else {
      cairo_surface_finish(surface_.get());
      status = cairo_surface_status(surface_.get());
    }
  }
  if (status != CAIRO_STATUS_SUCCESS)
    return fail("picture.cannot_write",
                fmt::format("{}: {}", path_, cairo_status_to_string(status)));
  const auto done = trust::write_file(path_, *drawn_);
  return done ? done : fail("picture.cannot_write", done.error().message);
}

}  // namespace hocket::report
