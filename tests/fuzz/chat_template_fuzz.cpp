#include <nlohmann/json.hpp>

#include "engine/language/chat/chat_template.hpp"
#include "graph/core/assert.hpp"
#include "tests/fuzz/targets.hpp"

// Input: the text of a chat template.
namespace hocket::fuzz {
namespace {

void run(std::span<const std::uint8_t> bytes) {
  const std::string source(bytes.begin(), bytes.end());
  const auto t = language::chat_template::parse(source);
  if (!t) {
    HOCKET_ASSERT(t.error().code.starts_with("template."));
    return;
  }
  static const auto variables = nlohmann::ordered_json::parse(
      R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],)"
      R"("tools":[{"name":"t","n":1.5,"l":[1,null,true]}],"add_generation_prompt":true})");
  const auto r = t->render(variables, 0, {20000, 1 << 16, 20});
  HOCKET_ASSERT(!r || r->size() <= 1 << 16);
  HOCKET_ASSERT(r || r.error().code.starts_with("template."));
}

std::vector<std::string> seeds() {
  return {"{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content | trim }}{% endfor %}",
          "{% set ns = namespace(n=0) %}{% for k, v in tools[0].items() %}{% set ns.n = ns.n + "
          "loop.index %}"
          "{{ k ~ v | tojson(indent=2) }}{% endfor %}{{ ns.n }}",
          "{%- macro f(a, b=1) -%}{{ a[::-1] }}{{ b is defined and not b }}{%- endmacro -%}{{ "
          "f('x') }}",
          "{% if tools is defined and tools | length > 0 %}{{ tools | map(attribute='name') | "
          "join(', ') }}{% endif %}"};
}

}  // namespace

extern const target chat_template;
const target chat_template = {"chat_template", run, seeds};

}  // namespace hocket::fuzz
