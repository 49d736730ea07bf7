"""Writes `golden/chat_jinja.json`: small templates, each about one thing, as `transformers` renders them.

    pip install torch transformers && python reference/chat_jinja.py

Each case has `template`, `messages`, `variables` and either `text` (with `spans`, the [start, end) in characters that
`{% generation %}` blocks printed, where the template has any) or `error`: true. Left out is what the engine
does not have: tuples (it prints them as lists), `%` on strings, and an error on division by zero.
"""

import json
import logging
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "chat_jinja.json"

TEXT = "  Grüße, 世界 👩‍🔬 & <b>\"x\"</b> 'y'\n"
TREE = {
    "z": 1, "a": [1.0, -0.0, 1e16, 123456789012345680.0, 1e-5, 0.0001, 1.5e300, 12, True, None],
    "nested": {"empty": {}, "none": [], "deep": [[{"k": "v"}]]}, "é": "\u0001\u007f\t\\ \" / é \u2028 😀",
}
CHAT = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "zwei ü"},
    {"role": "user", "content": ""},
    {"role": "assistant", "content": "vier"},
]

EXPRESSIONS = [
    # JSON as Python writes it.
    "tree|tojson", "tree|tojson(indent=2)", "tree|tojson(indent=0)", "tree|tojson(ensure_ascii=true)",
    "tree|tojson(separators=(',', ':'))", "tree|tojson(sort_keys=true)", "tree|tojson(true, 1)", "text|tojson",
    "missing|tojson", "none|tojson", "[]|tojson(indent=4)", "messages|tojson", "tools|tojson",
    # Printed values.
    "tree", "none", "true", "[1, 'a', none, 2.0]", "[1.0, 1e20, 2.5e-7, 10/4, 7//2, 2**10]", "tree.a|string", "missing",
    "text|string", "\"it's\"", "[\"it's\", 'say \"x\"', 'both \\' and \"']", "1e15", "1e16", "3.0|string",
    # Undefined values.
    "missing.field", "'a' ~ missing ~ 'b'", "'a' + missing", "'a' + none", "'a' + 1", "none.field", "none.field.field",
    "messages[0].missing", "messages[9]", "messages[-1].content", "messages[1:][0]['content']", "messages[::-1][0].content",
    "missing is defined", "missing is none", "tools is defined", "tools is none", "documents is defined",
    "missing|default('d')", "''|default('d', true)",
    # Tests that templates make of contents.
    "text is string", "messages is sequence", "text is sequence", "tree is sequence", "tree is mapping",
    "messages is iterable", "text is iterable", "3 is number", "3.0 is float", "3 is integer", "true is boolean",
    "'on' in text", "'role' in messages[0]", "'z' in tree",
    # Methods of strings.
    "text.strip()", "text.lstrip()", "text.rstrip()", "text|trim", "'xxaxx'.strip('x')", "'\\x1c a \\x1f'.strip()",
    "text.find('世')", "text.find('nothing')", "text.rfind('x')", "text.index('世')", "text.index('nothing')",
    "text[text.find('世'):]", "'aXbXc'.split('X')", "'aXbXc'.split('X', 1)", "'aXbXc'.rsplit('X', 1)", "' a  b '.split()",
    "'a\\n\\nb\\n'.splitlines()", "'</think>x</think>y'.split('</think>')[-1]", "'a-b-c'.partition('-')|list",
    "'a-b-c'.rpartition('-')|list", "'abc'.partition('-')|list", "'aaa'.count('a')", "'aaa'.count('')", "'prefix'.removeprefix('pre')",
    "'prefix'.removesuffix('fix')", "'abc'.startswith('ab')", "'abc'.startswith(('x', 'a'))", "'abc'.endswith('bc')",
    "'äb'.upper()", "'ÄB'.lower()", "'hello world'.title()", "'hello World'.capitalize()", "'aXb'.replace('X', '')",
    "'aaa'.replace('a', 'b', 2)", "','.join(['a', 'b'])", "'{} and {}'.format(1, 'x')", "'12'.isdigit()", "'ab'.isalpha()",
    "' '.isspace()", "'x' * 3",
    # Methods of dictionaries, filters.
    "tree.get('z')", "tree.get('nope')", "tree.get('nope', 'd')", "tree.keys()|list", "tree.nested.items()|map('first')|list",
    "tree.nested.values()|list", "tree.nested|items|list|length", "text|length", "messages|length",
    "messages|map(attribute='role')|list", "messages|map(attribute='role')|join(',')",
    "messages|selectattr('role', 'equalto', 'user')|list|length", "messages|rejectattr('content', 'equalto', '')|list|length",
    "messages|first", "(messages|last).role", "[3, 1, 2]|sort", "[1, 2]|sum", "'a b'|replace(' ', '_')|upper",
    "{'b': 1, 'a': 2}|dictsort|map('last')|list", "range(3)|list", "dict(a=1)", "[1, 2, 3]|batch(2)|list", "'x'|indent", "'abc'|reverse",
    "'a,b'|list", "[1, 1, 2]|unique|list", "messages|groupby('role')|length", "5|abs", "-3|abs", "2.5|int", "'7'|int", "1|float",
    "messages[0].content.append('x')", "messages.append(1)",
    # Reasoning goes by three names.
    "thoughts[0].reasoning_content", "messages[0].keys()|list",
]
TEMPLATES = [
    # White space around tags.
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a  {%- if true -%}  b  {%- endif -%}  c", "a\n\n{%+ if true +%}\n b\n{% endif %}\n\n",
    "{# note #}\nx {#- y -#} z\n", "{{ 'x' }}\n\n{{ 'y' }}\n", "  {{- ' x ' -}}  \n", "{% for m in messages %}\n{{ m.role }}\n{% endfor %}\n",
    "{% raw %}{% generation %}{{ x }}{% endraw %}", "line\r\n{% if true %}\r\nx\r\n{% endif %}\r\n", "x\n", "x\n\n",
    # Statements.
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "{% for m in messages %}{% if loop.first %}F{% endif %}{{ loop.index0 }}{{ loop.revindex }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for m in messages %}{% if m.role == 'assistant' %}{% continue %}{% endif %}{{ m.content }}{% if loop.index == 3 %}{% break %}{% endif %}{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ m.content }};{% else %}none{% endfor %}",
    "{% for k, v in tree.nested.items() %}{{ k }}={{ v }};{% endfor %}", "{% for c in 'äb' %}{{ c }}.{% endfor %}",
    "{% macro say(m, end='!') %}{{ m.role }}{{ end }}{% endmacro %}{{ say(messages[0]) }}{{ say(messages[1], end='?') }}",
    "{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% call wrap() %}in{% endcall %}",
    "{% set x %}captured {{ 1 + 1 }}{% endset %}[{{ x }}]", "{% filter upper %}up{% endfilter %}",
    "{{ raise_exception('no: ' + messages[0].role) }}", "{% if messages[0].role != 'user' %}{{ raise_exception('x') }}{% endif %}fine",
    "{{ messages[0].role if messages else 'none' }}", "{{ bos_token }}|{{ eos_token }}", "{% set messages = messages[1:] %}{{ messages|length }}",
    "{{ loop }}", "{% unknown %}", "{{ 'unclosed }}", "{{ unknown_function() }}", "{{ 'x'|unknown_filter }}",
    "{{ strftime_now is defined }}",
]
CHATS = [
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}",
    "{%- for m in messages %}\n{{- m.role }}:\n  {%- if m.role == 'assistant' %}\n    {%- generation -%}\n      {{ m.content }} .\n    {%- endgeneration -%}\n  {%- else %}{{ m.content }}{% endif %}\n{% endfor %}",
    "{% for m in messages %}\n{{ m.role }}\n  {% generation %}\n  {{ m.content }}\n  {% endgeneration %}\n{% endfor %}",
    "{% for m in messages %}{%- generation -%} x {{ '{% generation %}' }} {%- endgeneration -%}{# {% generation %} #}{% endfor %}",
    "{% generation %}{% for m in messages %}{% if loop.index == 2 %}{{ m.content }}{% endif %}{% endfor %}{% endgeneration %}",
    "none {% if false %}{% generation %}x{% endgeneration %}{% endif %}",
    "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "{% generation %}unclosed",
]


def render(template):
    variables = {"text": TEXT, "tree": TREE, "thoughts": [{"role": "a"}], "bos_token": "<s>"}
    if "strftime_now" in template:
        variables["strftime_now"] = "given"
    case = {"template": template, "variables": variables}
    has_blocks = template in CHATS
    try:
        texts, spans = render_jinja_template(
            [CHAT], chat_template=template, return_assistant_tokens_mask=has_blocks, **variables
        )
    except Exception:
        return case | {"error": True}
    return case | {"text": texts[0]} | ({"spans": spans[0]} if has_blocks else {})


def main():
    logging.disable()
    cases = [render("{{ " + expression + " }}") for expression in EXPRESSIONS] + [render(t) for t in TEMPLATES + CHATS]
    variables = cases[0]["variables"]
    for case in cases:
        case["more"] = {k: v for k, v in case.pop("variables").items() if k not in variables}
    golden = {"messages": CHAT, "variables": variables, "cases": cases}
    GOLDEN.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    print(f"{len(cases)} cases ({sum('error' in case for case in cases)} errors), {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
