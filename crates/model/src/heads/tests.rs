use burn::tensor::Device;
use tempfile::TempDir;

use super::*;
use crate::classifier::{SequenceClassifier, TokenClassifier};
use crate::golden::{self, Expected, SEQUENCES, TOLERANCE, assert_close, floats};
use crate::labels::{Labels, Problem};
use crate::pooling::Pooling;

fn head(name: &str, level: Level, outputs: usize) -> HeadConfig {
    HeadConfig { name: name.to_owned(), level, outputs, labels: None, pooling: None, layer: None }
}

fn labels(count: usize) -> Labels {
    let names = (0..count).map(|label| format!("label {label}")).collect();
    Labels { names, problem: Problem::MultiLabel }
}

fn trunk(case: &str, device: &Device) -> Trunk {
    Trunk::load(&golden::folder(case), device).unwrap()
}

/// Three heads: the family's, one that takes means at a lower layer, one of tokens.
fn three(case: &str, device: &Device) -> MultiHead {
    let low =
        HeadConfig { pooling: Some(Pooling::Mean), layer: Some(1), ..head("low", Level::Text, 2) };
    let heads = vec![head("whole", Level::Text, 3), low, head("tags", Level::Token, 5)];
    MultiHead::new(trunk(case, device), heads, 7).unwrap()
}

#[test]
fn a_head_reads_the_states_of_its_layer() {
    let (model, expected) = (three("bert", &Device::flex()), Expected::of("bert"));
    let rows = expected.rows();
    let Trunk::Encoder(encoder) = model.trunk() else { panic!("bert is an encoder") };
    let low = encoder.states_after(&rows, 1).unwrap();
    let pooled = Pooling::Mean.pool(&low);
    let logits = floats(model.text_logits(1, &rows).unwrap());
    assert_close("low", &logits, &floats(model.logits_of(1, pooled)), TOLERANCE);
    let tags = model.token_logits(2, &rows).unwrap();
    assert_eq!((tags.rows(), tags.width(), tags.tokens()), (4, 5, low.tokens()));
    assert_eq!(model.text_logits(0, &[]).unwrap().dims(), [0, 3]);
    assert_eq!(model.token_logits(2, &[]).unwrap().states().dims(), [0, 5]);
}

#[test]
fn what_is_saved_is_read_back_with_equal_logits() {
    for case in ["bert", "roberta", "distilbert", "mpnet"] {
        let (model, expected) = (three(case, &Device::flex()), Expected::of(case));
        let folder = TempDir::new().unwrap();
        model.save(folder.path()).unwrap();
        let read = MultiHead::load(folder.path(), &Device::flex()).unwrap();
        assert!(read.configs().eq(model.configs()), "{case}");
        assert!(lists_heads(folder.path()) && !lists_heads(&golden::folder(case)), "{case}");
        let rows = expected.rows();
        for head in [0, 1] {
            let logits = |model: &MultiHead| floats(model.text_logits(head, &rows).unwrap());
            assert_eq!(logits(&read), logits(&model), "{case}, head {head}");
        }
        let tags = |model: &MultiHead| floats(model.token_logits(2, &rows).unwrap().states());
        assert_eq!(tags(&read), tags(&model), "{case}");
        // It is a directory of the trunk, too.
        assert_eq!(
            floats(trunk_states(&Trunk::load(folder.path(), &Device::flex()).unwrap(), &rows)),
            floats(trunk_states(model.trunk(), &rows)),
            "{case}"
        );
    }
}

fn trunk_states(trunk: &Trunk, rows: &[TokenRow<'_>]) -> Tensor<2> {
    trunk.states(rows).unwrap().states()
}

#[test]
fn an_exported_head_is_a_classifier_of_its_family() {
    for case in SEQUENCES {
        let trunk = trunk(case, &Device::flex());
        let named = HeadConfig { labels: Some(labels(3)), ..head("mood", Level::Text, 3) };
        let model = MultiHead::new(trunk, vec![named], 1).unwrap();
        let (folder, expected) = (TempDir::new().unwrap(), Expected::of(case));
        model.export(0, Task::Sequence, folder.path()).unwrap();
        let theirs = SequenceClassifier::load(folder.path(), &Device::flex()).unwrap();
        assert_eq!(*theirs.labels(), labels(3), "{case}");
        let rows = expected.rows();
        let ours = floats(model.text_logits(0, &rows).unwrap());
        assert_close(case, &floats(theirs.logits(&rows).unwrap()), &ours, TOLERANCE);
    }
}

#[test]
fn an_exported_head_of_tokens_is_a_classifier_of_tokens() {
    let model = three("roberta", &Device::flex());
    let (folder, expected) = (TempDir::new().unwrap(), Expected::of("roberta"));
    model.export(2, Task::Tokens, folder.path()).unwrap();
    let theirs = TokenClassifier::load(folder.path(), &Device::flex()).unwrap();
    let rows = expected.rows();
    let ours = floats(model.token_logits(2, &rows).unwrap().states());
    assert_close("tags", &floats(theirs.logits(&rows).unwrap().states()), &ours, TOLERANCE);
}

#[test]
fn what_transformers_has_no_class_for_is_not_exported() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let refused = |model: &MultiHead, head, task| {
        let error = model.export(head, task, &out).unwrap_err();
        assert!(matches!(error, ExportError::NoClass { .. }), "{error}");
        error.to_string()
    };
    let model = three("bert", &Device::flex());
    assert!(refused(&model, 1, Task::Sequence).contains("lower layer"));
    let pooled = HeadConfig { pooling: Some(Pooling::Max), ..head("a", Level::Text, 2) };
    let model = MultiHead::new(trunk("bert", &Device::flex()), vec![pooled], 0).unwrap();
    assert!(refused(&model, 0, Task::Sequence).contains("pools in its own way"));
    let tags = vec![head("a", Level::Token, 2)];
    let model = MultiHead::new(trunk("gpt2", &Device::flex()), tags, 0).unwrap();
    assert!(refused(&model, 0, Task::Tokens).contains("causal"));
    assert!(!out.exists());
}

#[test]
fn a_fresh_head_begins_with_the_pooler_of_the_checkpoint() {
    let expected = Expected::of("bert");
    let trunk = trunk("bert", &Device::flex());
    let Trunk::Encoder(encoder) = &trunk else { panic!("bert is an encoder") };
    let states = encoder.states(&expected.rows()).unwrap();
    let pooled = encoder.pooled(&states).unwrap();
    let model = MultiHead::new(trunk, vec![head("a", Level::Text, 2)], 0).unwrap();
    let dense = model.heads[0].dense.as_ref().unwrap();
    let own = dense.forward(states.first().unsqueeze()).squeeze_dim::<2>(0).tanh();
    assert_close("pooled", &floats(own), &floats(pooled), TOLERANCE);
}

#[test]
fn only_what_is_not_frozen_has_gradients() {
    let device = Device::flex().autodiff();
    let expected = Expected::of("bert");
    let trained = |freeze: Freeze| {
        let model = three("bert", &device).frozen(freeze);
        let logits = model.text_logits(0, &expected.rows()).unwrap();
        let names = model.stored_gradients(&logits.sum().backward());
        let has = |part: &str| names.iter().any(|(name, _, _)| name.contains(part));
        [has("layer.0."), has("layer.1."), has("embeddings."), has("heads.whole.")]
    };
    assert_eq!(trained(Freeze::Nothing), [true; 4]);
    assert_eq!(trained(Freeze::Trunk), [false, false, false, true]);
    assert_eq!(trained(Freeze::Below(1)), [false, true, false, true]);
}

#[test]
fn heads_that_cannot_stand_are_refused() {
    let device = Device::flex();
    let refused = |case: &str, heads: Vec<HeadConfig>| {
        MultiHead::new(trunk(case, &device), heads, 0).unwrap_err().to_string()
    };
    let text = |name: &str| head(name, Level::Text, 1);
    assert!(refused("bert", vec![]).contains("there is no head"));
    assert!(refused("bert", vec![text("a"), text("a")]).contains("`a` is there twice"));
    assert!(refused("bert", vec![text("a.b")]).contains("`a.b` is none"));
    assert!(refused("bert", vec![head("a", Level::Text, 0)]).contains("no output"));
    let named = HeadConfig { labels: Some(labels(2)), ..text("a") };
    assert!(refused("bert", vec![named]).contains("1 outputs and 2 labels"));
    let at = |layer| vec![HeadConfig { layer: Some(layer), ..text("a") }];
    assert!(refused("bert", at(99)).contains("reads layer 99, the trunk has"));
    assert!(refused("gpt2", at(0)).contains("of a causal model"));
    let error = MultiHead::load(&golden::folder("bert"), &device).unwrap_err().to_string();
    assert!(error.contains("without heads"), "{error}");
}
