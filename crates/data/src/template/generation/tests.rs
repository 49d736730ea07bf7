use serde_json::json;

use super::*;

fn rewritten(source: &str) -> String {
    rewrite_tags(source).0
}

#[test]
fn tags_become_call_blocks_with_their_white_space_control() {
    let call = format!("call {FUNCTION}()");
    assert_eq!(
        rewritten("{%- generation +%}a{%endgeneration-%}"),
        format!("{{%- {call} +%}}a{{%endcall-%}}")
    );
    assert_eq!(rewritten("{%\n generation\t%}"), format!("{{%\n {call}\t%}}"));
}

#[test]
fn only_tags_are_rewritten() {
    for source in [
        "{{ add_generation_prompt }}",
        "{% if generation %}{% endif %}",
        "{% generations %}",
        "{# {% generation %} #}",
        "{{ '{% generation %}' }}",
        r#"{{ "\"{% generation %}" }}"#,
        "{% set x = '%}{% generation %}' %}",
        "{% raw %}{% generation %}{% endgeneration %}{{ {# {%- endraw %}",
        "generation",
        "{",
        "{%",
        "{{ 'open",
        "ü{ü",
    ] {
        assert_eq!(rewrite_tags(source), (source.to_owned(), false));
    }
    assert!(rewrite_tags("{% raw %}{% endraw %}{% generation %}").1);
}

#[test]
fn marks_avoid_what_the_conversation_contains() {
    let variables = json!({"messages": [{"content": [format!("{LEAD}0<"), format!("{LEAD}1")]}]});
    let marker = Marker::unused_in(variables.as_object().unwrap());
    assert_eq!(marker.start, format!("{LEAD}2<"));
}

#[test]
fn marks_are_cut_out_and_their_places_kept() {
    let marker = Marker::unused_in(&Map::new());
    let Marker { start, end } = &marker;
    let text = format!("ä{start}ö{start}x{end}{end}-{start}{end}");
    let (text, spans) = marker.extract(&text).unwrap();
    assert_eq!(text, "äöx-");
    assert_eq!(spans, [2..5, 4..5, 6..6]);
    assert_eq!(marker.extract(&format!("{start}x")), None);
    assert_eq!(marker.extract(&format!("x{end}")), None);
}
