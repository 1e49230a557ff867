#pragma once

#include <string>
#include <string_view>

namespace hocket::web {

/// What a person would read of an HTML page: its title, then its text, a line a block, lists as `- `.
/// Left out: scripts, styles, comments, forms' fields, and what a page hides (`hidden`,
/// `aria-hidden`, styles that show nothing). `charset`: of the answer's head; empty: the page says it.
/// Nothing is fetched. Memory: a few times the page; depth is bounded by the parser.
std::string text_of_html(std::string_view html, const std::string& charset, std::size_t limit);

}  // namespace hocket::web
