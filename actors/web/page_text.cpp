#include "actors/web/page_text.hpp"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <memory>
#include <set>

#include "graph/text/clean.hpp"

namespace hocket::web {
namespace {

struct document_deleter {
  void operator()(xmlDoc* d) const { xmlFreeDoc(d); }
};

std::string_view name_of(const xmlNode* n) {
  return n->name != nullptr ? reinterpret_cast<const char*>(n->name) : "";
}

std::string attribute(xmlNode* n, const char* name) {
  std::unique_ptr<xmlChar, decltype(xmlFree)> value(
      xmlGetProp(n, reinterpret_cast<const xmlChar*>(name)), xmlFree);
  std::string out = value ? reinterpret_cast<const char*>(value.get()) : "";
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_left_out(std::string_view name) {
  static const std::set<std::string_view> all = {
      "script", "style",  "noscript", "template", "svg",    "math",   "iframe",   "object",
      "embed",  "canvas", "select",   "textarea", "button", "dialog", "noframes", "head"};
  return all.contains(name);
}

bool is_block(std::string_view name) {
  static const std::set<std::string_view> all = {
      "p",     "div", "br",         "li",      "ul",      "ol",     "tr",   "table",
      "h1",    "h2",  "h3",         "h4",      "h5",      "h6",     "hr",   "dl",
      "dt",    "dd",  "section",    "article", "header",  "footer", "main", "nav",
      "aside", "pre", "blockquote", "figure",  "caption", "form",   "title"};
  return all.contains(name);
}

/// A style that lets nobody see it.
bool hides(std::string style) {
  std::erase_if(style, [](char c) { return c == ' ' || c == '\t' || c == '\n'; });
  style = ";" + style + ";";
  for (const char* what : {";display:none", ";visibility:hidden", ";opacity:0;", ";font-size:0;",
                           ";font-size:0p", ";left:-9", ";text-indent:-9", ";clip:rect(0",
                           ";height:0;", ";width:0;", ";color:transparent"})
    if (style.find(what) != style.npos) return true;
  return false;
}

bool is_hidden(xmlNode* n) {
  return xmlHasProp(n, reinterpret_cast<const xmlChar*>("hidden")) != nullptr ||
         attribute(n, "aria-hidden") == "true" || hides(attribute(n, "style"));
}

/// Puts words and lines together: one blank between words, no empty lines.
struct writer {
  std::string out;
  bool blank = true;

  void line() {
    while (out.ends_with(' ')) out.pop_back();
    if (!out.empty() && out.back() != '\n') out += '\n';
    blank = true;
  }
  void words(std::string_view text) {
    for (const char c : text) {
      const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
      if (space && blank) continue;
      out += space ? ' ' : c;
      blank = space;
    }
  }
};

/// Without recursion: a page decides how deep it is.
void walk(xmlNode* root, writer& w, std::size_t limit) {
  auto* n = root;
  while (n != nullptr && w.out.size() <= limit) {
    bool into = false;
    if (n->type == XML_TEXT_NODE) {
      w.words(n->content != nullptr ? reinterpret_cast<const char*>(n->content) : "");
    } else if (n->type == XML_ELEMENT_NODE && !is_left_out(name_of(n)) && !is_hidden(n)) {
      if (is_block(name_of(n))) w.line();
      if (name_of(n) == "li") w.words("- ");
      into = n->children != nullptr;
      if (!into && name_of(n) == "td") w.words(" ");
    }
    if (into) {
      n = n->children;
      continue;
    }
    while (n != root && n->next == nullptr) {
      n = n->parent;
      if (n->type == XML_ELEMENT_NODE && is_block(name_of(n))) w.line();
      if (name_of(n) == "td" || name_of(n) == "th") w.words(" ");
    }
    if (n == root) return;
    n = n->next;
  }
}

xmlNode* find(xmlNode* root, std::string_view name) {
  for (auto* n = root; n != nullptr;) {
    if (n->type == XML_ELEMENT_NODE && name_of(n) == name) return n;
    if (n->children != nullptr && n->type == XML_ELEMENT_NODE) {
      n = n->children;
      continue;
    }
    while (n != root && n->next == nullptr) n = n->parent;
    if (n == root) return nullptr;
    n = n->next;
  }
  return nullptr;
}

bool is_utf8(std::string_view text) {
  return clean_text(text).find("\xEF\xBF\xBD") == std::string::npos;
}

}  // namespace

std::string text_of_html(std::string_view html, const std::string& charset, std::size_t limit) {
  const bool says = html.substr(0, 4096).find("charset") != html.npos;
  const char* encoding = !charset.empty()         ? charset.c_str()
                         : says || !is_utf8(html) ? nullptr
                                                  : "UTF-8";
  std::unique_ptr<xmlDoc, document_deleter> page(htmlReadMemory(
      html.data(), static_cast<int>(std::min<std::size_t>(html.size(), 64u << 20)), "", encoding,
      HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
          HTML_PARSE_COMPACT));
  auto* root = page ? xmlDocGetRootElement(page.get()) : nullptr;
  if (root == nullptr) return "";
  writer w;
  if (auto* title = find(root, "title")) {
    for (auto* t = title->children; t != nullptr; t = t->next)
      if (t->content != nullptr) w.words(reinterpret_cast<const char*>(t->content));
    w.line();
  }
  auto* body = find(root, "body");
  walk(body != nullptr ? body : root, w, limit);
  w.line();
  if (w.out.ends_with('\n')) w.out.pop_back();
  return cut_text(clean_text(w.out), limit);
}

}  // namespace hocket::web
