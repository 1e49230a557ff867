#!/usr/bin/env python3
"""Writes what Python's jinja2, set up as Hugging Face does it, makes of small templates.

Needs PyPI jinja2. Usage: python3 make_template_fixture.py > template_fixture.json
"""
import json
import sys

from compare_templates import CONVERSATIONS, TOOL, environment

CHATML = """{% for message in messages %}
{%- if loop.first and message.role != 'system' %}<|im_start|>system\nDefault<|im_end|>\n{% endif %}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}
{%- endfor %}
{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}
"""
SNIPPETS = [
    "a {{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2.50 }} {{ 1e3 is defined }} {{ 10 ~ 'x' }}",
    "{{ 'a' if false }}|{{ 'a' if true else 'b' }}|{{ none }}|{{ true }}|{{ undefined_name }}|{{ x is defined }}",
    "{% set x = 1 %}{% for i in [1, 2, 3] %}{% set x = i %}{% endfor %}{{ x }}",
    "{% set ns = namespace(n=0) %}{% for i in range(2, 9, 3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
    "{% for k, v in {'b': 1, 'a': [1, 'q\\'s', none, true, 1.0]}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for i in [1, 2, 3, 4] if i is even %}{{ loop.index }}/{{ loop.length }}:{{ i }}{{ ',' if not loop.last }}{% else %}none{% endfor %}",
    "{% for i in [] %}x{% else %}empty{% endfor %}{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% if i == 3 %}{% break %}{% endif %}{% endfor %}",
    "{% macro m(a, b='d', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=2) }}{{ m('x', 'y', 'z') | upper }}",
    "{{ 'Hello World'[::-1] }} {{ 'hello'[1:3] }} {{ [1, 2, 3][-1] }} {{ [1, 2, 3][:-1] }} {{ 'x' in 'xyz' }} {{ 4 not in [1, 2] }}",
    "{{ '  a b '.strip() }}|{{ 'a,b,c'.split(',') }}|{{ 'a b  c'.split() }}|{{ 'xax'.lstrip('x') }}|{{ 'abc'.startswith('ab') }}|{{ 'a</think>b'.split('</think>')[-1] }}",
    "{{ [3, 1, 2] | sort | join(', ') }} {{ ['b', 'A'] | sort }} {{ {'b': 1, 'a': 2} | dictsort }} {{ [1, 2] | length }} {{ [[1, 2]] | first }} {{ 'abc' | last }}",
    "{{ {'a': [1, {'b': 'é\"<>&'}], 'c': none, 'd': 1.5, 'e': []} | tojson }}\n{{ {'a': [1, {'b': true}], 'e': {}} | tojson(indent=2) }}",
    "{{ messages | map(attribute='role') | list }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ ['a', 'b'] | map('upper') | join }}",
    "  {% if true %}\n  in\n  {% endif %}\nout\n\n  {{- 'cut' -}}  \n next {#- comment -#}  \n end\n",
    "a\n{%- if true -%}  \n b {%+ if true %} c {% endif +%}\n{% endif %} d",
    "{% raw %}{{ not }} {% this %}{% endraw %}{{ '{{' }}",
    "{% set block %}in {{ 1 }}{% endset %}{{ block | upper }}{% filter upper %}abc{% endfilter %}",
    "{{ not true or false and x }} {{ 1 < 2 < 3 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ (1, 2) }} {{ (1,) }} {{ [] or 'x' }} {{ 0 and 1 }}",
    "{{ x | default('d') }} {{ '' | default('d', true) }} {{ 'a\\nb' | indent(2) }} {{ 'aXbX' | replace('X', '-') }} {{ '7' | int + 1 }} {{ 'a\\tb\\\\n' }}",
    "{{ messages[0].content is string }} {{ messages is iterable and messages is not mapping }} {{ 5 is divisibleby 5 }} {{ messages[0].nope is undefined }} {{ 3 is number }}",
    "{{ raise_exception('no ' ~ 1) }}", "{{ x.y }}", "{{ 1 + 'a' }}", "{{ [1] | nofilter }}", "{% if %}", "{% for i in 3 %}{% endfor %}", "{{ 'open", "{{ (1 }}", "{% endif %}", "{% include 'x' %}",
    "{{ strftime_now('%d %b %Y') }} {{ 'Ünï' | length }} {{ 'abc' | reverse }} {{ [1, 1, 2] | unique | list }} {{ messages | rejectattr('role', 'in', ['user']) | list | length }}",
    CHATML,
]

env, out = environment(), []
for source in SNIPPETS:
    for messages in (CONVERSATIONS[0], CONVERSATIONS[3]) if source == CHATML else (CONVERSATIONS[3],):
        variables = {"messages": messages, "tools": [TOOL], "add_generation_prompt": True}
        try:
            want = env.from_string(source).render(**variables)
        except Exception:
            want = None
        out.append({"source": source, "variables": variables, "out": want})
json.dump(out, sys.stdout, indent=0)
print()
