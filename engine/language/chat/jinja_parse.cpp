#include <algorithm>

#include "engine/language/chat/jinja_syntax.hpp"

namespace hocket::language::jinja {
namespace {

constexpr int depth_limit = 150;

class parser {
 public:
  explicit parser(std::vector<token> tokens) : tokens_(std::move(tokens)) {}

  node_ptr run() {
    auto root = make(kind::block);
    root->body = statements({});
    if (look().type != token_type::finish) bad("`" + peek_name() + "` without its beginning");
    return root;
  }

 private:
  struct deeper {
    explicit deeper(parser& p) : p_(p) {
      if (++p_.depth_ > depth_limit) p_.bad("nested too deeply");
    }
    ~deeper() { --p_.depth_; }
    deeper(const deeper&) = delete;
    parser& p_;
  };

  [[noreturn]] void bad(const std::string& what) { fail_with("syntax", what, look().line); }
  [[noreturn]] void unsupported(const std::string& what) {
    fail_with("unsupported", what + " is not supported", look().line);
  }
  const token& look(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  token take() {
    auto t = look();
    if (at_ + 1 < tokens_.size()) ++at_;
    return t;
  }
  bool is(const char* text) const {
    return (look().type == token_type::symbol || look().type == token_type::name) &&
           look().text == text;
  }
  bool accept(const char* text) {
    const bool yes = is(text);
    if (yes) take();
    return yes;
  }
  void expect(const char* text) {
    if (!accept(text)) bad(std::string("`") + text + "` is missing");
  }
  void expect(token_type type, const char* what) {
    if (take().type != type) bad(std::string(what) + " is missing");
  }
  std::string name() {
    if (look().type != token_type::name) bad("a name is missing");
    return take().text;
  }
  std::string peek_name() const { return look(1).type == token_type::name ? look(1).text : ""; }
  node_ptr make(kind what, std::string text = "", std::vector<node_ptr> parts = {}) {
    auto n = std::make_shared<node>();
    n->what = what;
    n->line = look().line;
    n->name = std::move(text);
    n->parts = std::move(parts);
    return n;
  }

  /// Up to a statement with one of these names, which is left to the caller.
  std::vector<node_ptr> statements(const std::vector<std::string>& ends) {
    const deeper guard(*this);
    std::vector<node_ptr> out;
    while (look().type != token_type::finish) {
      if (look().type == token_type::text) {
        out.push_back(make(kind::text, look().text));
        take();
      } else if (look().type == token_type::open) {
        take();
        auto n = make(kind::print);
        n->parts = {expression_or_tuple()};
        expect(token_type::close, "`}}`");
        out.push_back(n);
      } else if (look().type == token_type::begin) {
        const auto word = peek_name();
        if (std::find(ends.begin(), ends.end(), word) != ends.end()) return out;
        if (word.starts_with("end") || word == "else" || word == "elif") {
          if (ends.empty()) return out;
          bad("`" + word + "` where `" + ends.back() + "` is missing");
        }
        take();
        take();
        if (auto n = statement(word)) out.push_back(n);
      } else {
        bad("unexpected `" + look().text + "`");
      }
    }
    if (!ends.empty()) bad("`" + ends.back() + "` is missing");
    return out;
  }
  void end_tag() { expect(token_type::end, "`%}`"); }
  void end_of(const char* word) {
    expect(token_type::begin, word);
    expect(word);
    end_tag();
  }

  node_ptr statement(const std::string& word) {
    if (word == "if") return if_statement();
    if (word == "for") return for_statement();
    if (word == "set") return set_statement();
    if (word == "macro") return macro_statement();
    if (word == "break" || word == "continue") {
      end_tag();
      return make(word == "break" ? kind::break_ : kind::continue_);
    }
    if (word == "generation") {  // marks what the model said: nothing to print
      end_tag();
      auto n = make(kind::block);
      n->body = statements({"endgeneration"});
      end_of("endgeneration");
      return n;
    }
    if (word == "filter") {
      auto n = make(kind::filter_block);
      auto hole = make(kind::constant);
      n->parts = {filters(hole, true), hole};
      end_tag();
      n->body = statements({"endfilter"});
      end_of("endfilter");
      return n;
    }
    unsupported("the statement `" + word + "`");
  }

  node_ptr if_statement() {
    auto n = make(kind::if_);
    n->parts = {expression()};
    end_tag();
    n->body = statements({"elif", "else", "endif"});
    expect(token_type::begin, "endif");
    const auto word = name();
    if (word == "elif") {
      const deeper guard(*this);
      n->other = {if_statement()};
      return n;
    }
    end_tag();
    if (word == "else") {
      n->other = statements({"endif"});
      end_of("endif");
    }
    return n;
  }

  node_ptr targets() {
    auto t = make(kind::tuple_);
    do t->parts.push_back(make(kind::name, name()));
    while (accept(","));
    return t;
  }

  node_ptr for_statement() {
    auto n = make(kind::for_);
    auto target = targets();
    expect("in");
    auto over = or_expression();
    node_ptr filter;
    if (accept("if")) filter = expression();
    if (is("recursive")) unsupported("a recursive loop");
    n->parts = {target, over, filter};
    end_tag();
    n->body = statements({"else", "endfor"});
    expect(token_type::begin, "endfor");
    const auto word = name();
    end_tag();
    if (word == "else") {
      n->other = statements({"endfor"});
      end_of("endfor");
    }
    return n;
  }

  node_ptr set_statement() {
    auto target = targets();
    if (target->parts.size() == 1 && accept("."))
      target = make(kind::attribute, name(), {target->parts[0]});
    if (accept("=")) {
      auto n = make(kind::set, "", {target, expression_or_tuple()});
      end_tag();
      return n;
    }
    auto n = make(kind::set_block);
    auto hole = make(kind::constant);
    n->parts = {target, accept("|") ? filters(hole, true) : hole, hole};
    end_tag();
    n->body = statements({"endset"});
    end_of("endset");
    return n;
  }

  node_ptr macro_statement() {
    auto n = make(kind::macro, name());
    expect("(");
    while (!accept(")")) {
      auto p = make(kind::name, name());
      if (accept("=")) p->parts = {expression()};
      n->parts.push_back(p);
      if (!is(")")) expect(",");
    }
    end_tag();
    n->body = statements({"endmacro"});
    end_of("endmacro");
    return n;
  }

  node_ptr expression_or_tuple() {
    auto first = expression();
    if (!is(",")) return first;
    auto t = make(kind::tuple_, "", {first});
    while (accept(",")) {
      if (look().type == token_type::close || look().type == token_type::end) break;
      t->parts.push_back(expression());
    }
    return t;
  }

  node_ptr expression() {
    const deeper guard(*this);
    auto e = or_expression();
    while (accept("if")) {
      auto condition = or_expression();
      e = make(kind::conditional, "", {condition, e, accept("else") ? expression() : nullptr});
    }
    return e;
  }
  node_ptr or_expression() {
    auto e = and_expression();
    while (accept("or")) e = make(kind::binary, "or", {e, and_expression()});
    return e;
  }
  node_ptr and_expression() {
    auto e = not_expression();
    while (accept("and")) e = make(kind::binary, "and", {e, not_expression()});
    return e;
  }
  node_ptr not_expression() {
    if (!is("not")) return comparison();
    const deeper guard(*this);
    take();
    return make(kind::unary, "not", {not_expression()});
  }
  node_ptr comparison() {
    auto e = sum();
    node_ptr all;
    while (true) {
      std::string op;
      for (const char* o : {"==", "!=", "<=", ">=", "<", ">", "in"})
        if (op.empty() && is(o)) op = o;
      const bool negated = op.empty() && is("not") && look(1).text == "in";
      if (negated) take(), op = "in";
      if (op.empty()) return all ? all : e;
      take();
      auto right = sum();
      auto one = make(kind::binary, op, {e, right});
      one->negated = negated;
      all = all ? make(kind::binary, "and", {all, one}) : one;
      e = right;
    }
  }
  node_ptr sum() {
    auto e = concatenation();
    while (is("+") || is("-")) {
      const auto op = take().text;
      e = make(kind::binary, op, {e, concatenation()});
    }
    return e;
  }
  node_ptr concatenation() {
    auto e = product();
    while (accept("~")) e = make(kind::binary, "~", {e, product()});
    return e;
  }
  node_ptr product() {
    auto e = unary();
    while (is("*") || is("/") || is("//") || is("%")) {
      const auto op = take().text;
      e = make(kind::binary, op, {e, unary()});
    }
    if (is("**")) unsupported("the operator `**`");
    return e;
  }
  node_ptr unary(bool with_filters = true) {
    const deeper guard(*this);
    node_ptr e;
    if (is("-") || is("+")) {
      const auto op = take().text;
      e = make(kind::unary, op, {unary(false)});
    } else {
      e = postfix(primary());
    }
    return with_filters ? filters(e, false) : e;
  }

  node_ptr primary() {
    const auto t = take();
    if (t.type == token_type::string) {
      auto s = *t.constant.text();
      while (look().type == token_type::string) s += take().text;
      auto n = make(kind::constant);
      n->constant = value(s);
      return n;
    }
    auto n = make(kind::constant);
    if (t.type == token_type::number) {
      n->constant = t.constant;
      return n;
    }
    if (t.type == token_type::name) {
      if (t.text == "true" || t.text == "True") return n->constant = true, n;
      if (t.text == "false" || t.text == "False") return n->constant = false, n;
      if (t.text == "none" || t.text == "None") return n->constant = none{}, n;
      return make(kind::name, t.text);
    }
    if (t.type == token_type::symbol && t.text == "(") {
      if (accept(")")) return make(kind::tuple_);
      auto e = expression();
      if (is(",")) {
        e = make(kind::tuple_, "", {e});
        while (accept(",") && !is(")")) e->parts.push_back(expression());
      }
      expect(")");
      return e;
    }
    if (t.type == token_type::symbol && t.text == "[") {
      n = make(kind::list_);
      while (!accept("]")) {
        n->parts.push_back(expression());
        if (!is("]")) expect(",");
      }
      return n;
    }
    if (t.type == token_type::symbol && t.text == "{") {
      n = make(kind::dict_);
      while (!accept("}")) {
        n->parts.push_back(expression());
        expect(":");
        n->parts.push_back(expression());
        if (!is("}")) expect(",");
      }
      return n;
    }
    bad("unexpected `" + t.text + "`");
  }

  node_ptr postfix(node_ptr e) {
    while (true) {
      if (accept(".")) {
        if (look().type == token_type::number) {
          auto i = make(kind::constant);
          i->constant = take().constant;
          e = make(kind::item, "", {e, i});
        } else {
          e = make(kind::attribute, name(), {e});
        }
      } else if (is("[")) {
        e = subscript(e);
      } else if (is("(")) {
        auto n = make(kind::call, "", {e});
        call_arguments(n->parts);
        e = n;
      } else {
        return e;
      }
    }
  }
  node_ptr subscript(const node_ptr& e) {
    expect("[");
    node_ptr parts[3];
    int colons = 0;
    while (!is("]")) {
      if (accept(":")) {
        if (++colons > 2) bad("too many `:`");
      } else {
        parts[colons] = expression();
        if (!is(":") && !is("]")) bad("`]` is missing");
      }
    }
    expect("]");
    if (colons > 0) return make(kind::slice, "", {e, parts[0], parts[1], parts[2]});
    if (!parts[0]) bad("an index is missing");
    return make(kind::item, "", {e, parts[0]});
  }
  void call_arguments(std::vector<node_ptr>& to) {
    expect("(");
    while (!accept(")")) {
      if (look().type == token_type::name && look(1).type == token_type::symbol &&
          look(1).text == "=") {
        const auto key = name();
        take();
        to.push_back(make(kind::keyword, key, {expression()}));
      } else {
        to.push_back(expression());
      }
      if (!is(")")) expect(",");
    }
  }

  node_ptr filters(node_ptr e, bool begins_with_name) {
    bool first = begins_with_name;
    while (true) {
      if (first || accept("|")) {
        first = false;
        auto n = make(kind::filter, name(), {e});
        if (is("(")) call_arguments(n->parts);
        e = n;
      } else if (accept("is")) {
        e = test(e);
      } else if (is("(")) {
        auto n = make(kind::call, "", {e});
        call_arguments(n->parts);
        e = n;
      } else {
        return e;
      }
    }
  }
  node_ptr test(const node_ptr& e) {
    const bool negated = accept("not");
    auto n = make(kind::test, name(), {e});
    n->negated = negated;
    if (is("(")) {
      call_arguments(n->parts);
    } else if ((look().type == token_type::name && !is("else") && !is("or") && !is("and") &&
                !is("is") && !is("if") && !is("in") && !is("not")) ||
               look().type == token_type::string || look().type == token_type::number || is("[") ||
               is("{")) {
      n->parts.push_back(postfix(primary()));
    }
    return n;
  }

  std::vector<token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

node_ptr parse(std::string_view source) { return parser(tokens_of(source)).run(); }

}  // namespace hocket::language::jinja
