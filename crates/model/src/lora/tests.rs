//! Adapters by peft's numbers, by the dense formula, and as they are saved and merged.

use burn::module::ModuleMapper;
use burn::tensor::{Device, TensorData};
use tempfile::TempDir;

use super::networks::leaf;
use super::*;
use crate::SequenceClassifier;
use crate::golden::{self, Expected, TOLERANCE, Tensors, assert_close, floats, read_tensors};
use crate::heads::{Freeze, HeadConfig, Level, MultiHead, Task};
use crate::projection::Projection;
use crate::ragged::TokenRow;
use crate::trunk::Trunk;
use LoraTarget::{Down, Gate, Key, Out, Query, Up, Value};

fn config(targets: &[LoraTarget]) -> LoraConfig {
    LoraConfig { rank: 3, alpha: 12.0, targets: targets.to_vec(), rslora: false }
}

fn trunk(case: &str, device: &Device) -> Trunk {
    Trunk::load(&golden::folder(case), device).unwrap()
}

/// Heads on an adapted trunk; the adapters add nothing yet.
fn heads(case: &str, config: &LoraConfig, freeze: Freeze, device: &Device) -> MultiHead {
    let head = |name: &str, level| HeadConfig {
        name: name.to_owned(),
        level,
        outputs: 2,
        labels: None,
        pooling: None,
        layer: None,
    };
    let heads = vec![head("mood", Level::Text), head("tags", Level::Token)];
    let model = MultiHead::new(trunk(case, device), heads, 5).unwrap();
    model.adapted(config, freeze, 9).unwrap()
}

/// Sets the second matrix of every adapter to something.
struct Stir {
    path: Vec<String>,
    count: usize,
}

impl ModuleMapper for Stir {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_second = self.path.iter().any(|part| part == "adapters")
            && self.path.last().is_some_and(|part| part == "b");
        if !is_second {
            return param;
        }
        let value = param.val();
        let size = value.dims().iter().product();
        let values: Vec<f32> = (0..size)
            .map(|place: usize| (((place + 7 * self.count) * 37 % 101) as f32 / 101.0 - 0.5) * 0.2)
            .collect();
        self.count += 1;
        let tensor = Tensor::<D>::from_data(TensorData::new(values, value.dims()), &value.device());
        let tensor = if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(param.id, tensor)
    }
}

fn stirred(model: MultiHead) -> MultiHead {
    let mut stir = Stir { path: Vec::new(), count: 0 };
    let model = model.map(&mut stir);
    assert!(stir.count > 0, "there are no adapters");
    model
}

fn states(trunk: &Trunk, rows: &[TokenRow<'_>]) -> Vec<f32> {
    floats(trunk.states(rows).unwrap().states())
}

fn logits(model: &MultiHead, rows: &[TokenRow<'_>]) -> Vec<f32> {
    floats(model.text_logits(0, rows).unwrap())
}

fn differ(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// peft's adapters of two layers under our paths; `modules` has peft's name of each in a layer of
/// theirs, and ours in one of ours. It stores both matrices transposed.
fn of_peft(
    theirs: &Tensors,
    start: &str,
    [their_layers, our_layers]: [&str; 2],
    modules: &[(&str, &str)],
) -> HashMap<String, Vec<f32>> {
    let mut values = HashMap::new();
    for layer in 0..2 {
        for (module, path) in modules {
            for (theirs_name, name) in [("lora_A", "a"), ("lora_B", "b")] {
                let key = format!("{start}{their_layers}.{layer}.{module}.{theirs_name}.weight");
                let (shape, own) = &theirs[&key];
                let [outputs, inputs] = [shape[0], shape[1]];
                let at = |place: usize| own[place % outputs * inputs + place / outputs];
                let transposed = (0..own.len()).map(at).collect();
                values.insert(format!("{our_layers}.{layer}.{path}.{name}"), transposed);
            }
        }
    }
    values
}

/// States and gradients of `case` with adapters in all the layers, by the file that peft wrote.
fn check_peft(
    case: &str,
    file: &str,
    targets: &[LoraTarget],
    layers: [&str; 2],
    modules: &[(&str, &str)],
) {
    let theirs = read_tensors(&golden::folder(case).join("../..").join(file));
    let expected = Expected::of(case);
    let device = Device::flex().autodiff();
    let plan =
        |rslora| LoraPlan { config: LoraConfig { rslora, ..config(targets) }, first_layer: 0 };
    let mut adapted = trunk(case, &device);
    adapted.attach(&plan(false), &mut of_peft(&theirs, "", layers, modules)).unwrap();
    let said = adapted.states(&expected.rows()).unwrap().states();
    assert_close("states", &floats(said.clone()), &theirs["hidden"].1, TOLERANCE);
    let weights = TensorData::new(theirs["weights"].1.clone(), said.dims());
    let loss = (said * Tensor::from_data(weights, &device)).sum();
    let ours = adapted.gradients(&loss.backward());
    let gradients = of_peft(&theirs, "grad.", layers, modules);
    assert_eq!(gradients.len(), 4 * modules.len());
    for (path, expected) in gradients {
        assert_close(&path, &ours[&path], &expected, TOLERANCE);
    }

    let mut stabilised = trunk(case, &Device::flex());
    stabilised.attach(&plan(true), &mut of_peft(&theirs, "", layers, modules)).unwrap();
    let said = states(&stabilised, &expected.rows());
    assert_close("rslora", &said, &theirs["rslora"].1, TOLERANCE);
}

#[test]
fn states_and_gradients_are_those_of_peft() {
    let modules = [
        ("attention.self.query", "qkv.adapters.0"),
        ("attention.self.value", "qkv.adapters.1"),
        ("attention.output.dense", "out.adapters.0"),
        ("intermediate.dense", "up.adapters.0"),
        ("output.dense", "down.adapters.0"),
    ];
    let targets = [Down, Query, Value, Out, Up];
    check_peft("bert", "lora.safetensors", &targets, ["encoder.layer", "layers"], &modules);
}

#[test]
fn states_and_gradients_of_a_decoder_are_those_of_peft() {
    let modules = [
        ("self_attn.q_proj", "attention.qkv.adapters.0"),
        ("self_attn.k_proj", "attention.qkv.adapters.1"),
        ("self_attn.v_proj", "attention.qkv.adapters.2"),
        ("self_attn.o_proj", "attention.out.adapters.0"),
        ("mlp.gate_proj", "mlp.up.adapters.0"),
        ("mlp.up_proj", "mlp.up.adapters.1"),
        ("mlp.down_proj", "mlp.down.adapters.0"),
    ];
    let targets = [Query, Key, Value, Out, Gate, Up, Down];
    check_peft("llama", "lora_llama.safetensors", &targets, ["layers", "blocks"], &modules);
}

#[test]
fn new_adapters_add_nothing() {
    for case in ["bert", "distilbert", "mpnet", "gpt2", "llama"] {
        let expected = Expected::of(case);
        let rows = expected.rows();
        let all = config(&[Query, Key, Value, Out, Up, Down]);
        let model = heads(case, &all, Freeze::Nothing, &Device::flex());
        let base = trunk(case, &Device::flex());
        assert_eq!(states(model.trunk(), &rows), states(&base, &rows), "{case}");
        let moved = states(stirred(model).trunk(), &rows);
        assert!(differ(&moved, &states(&base, &rows)) > 1e-3, "{case}");
    }
}

#[test]
fn the_first_matrix_is_drawn_by_seed_within_its_bound() {
    let plan = LoraPlan { config: config(&[Query, Down]), first_layer: 1 };
    let slots = trunk("bert", &Device::flex()).slots();
    let (one, again, other) = (plan.fresh(&slots, 1), plan.fresh(&slots, 1), plan.fresh(&slots, 2));
    assert_eq!(one, again);
    assert_ne!(one, other);
    assert_eq!(one.len(), 4);
    for (path, inputs) in
        [("layers.1.qkv.adapters.0", 18.0_f32), ("layers.1.down.adapters.0", 26.0)]
    {
        let a = &one[&format!("{path}.a")];
        let (bound, largest) =
            (1.0 / inputs.sqrt(), a.iter().fold(0.0, |m: f32, x| m.max(x.abs())));
        assert!(largest <= bound && largest > 0.8 * bound, "{path}: {largest}, bound {bound}");
        assert!(one[&format!("{path}.b")].iter().all(|value| *value == 0.0), "{path}");
    }
}

#[test]
fn outputs_and_gradients_are_those_of_the_dense_matrix() {
    let device = Device::flex().autodiff();
    let values = |size: usize, by: usize| -> Vec<f32> {
        (0..size).map(|place| ((place * by % 17) as f32 - 8.0) / 8.0).collect()
    };
    let matrix = |shape: [usize; 2], by| {
        Tensor::<2>::from_data(TensorData::new(values(shape[0] * shape[1], by), shape), &device)
    };
    // Five outputs, of which two adapters of rank 2 change the second and the last two.
    let adapter = |first, outputs, by| Adapter {
        a: leaf(values(8, by), [4, 2], &device),
        b: leaf(values(2 * outputs, by + 2), [2, outputs], &device),
        first,
        scale: 1.5,
    };
    let mut projection = Projection::blank(4, 5, false, &device);
    projection.attach(adapter(1, 1, 3));
    projection.attach(adapter(3, 2, 5));
    let (x, w) = (matrix([6, 4], 7), matrix([6, 5], 11));
    let said = projection.forward(x.clone().unsqueeze());
    let gradients = (said.clone() * w.clone().unsqueeze()).sum().backward();

    // By loops, in the order of the definition.
    let (input, weights) = (floats(x), floats(w));
    let mut expected = vec![0.0_f32; 30];
    for (first, outputs, by) in [(1, 1, 3), (3, 2, 5)] {
        let (a, b) = (values(8, by), values(2 * outputs, by + 2));
        let (mut of_a, mut of_b) = (vec![0.0_f32; 8], vec![0.0_f32; 2 * outputs]);
        for row in 0..6 {
            for i in 0..4 {
                for k in 0..2 {
                    for j in 0..outputs {
                        let x = 1.5 * input[row * 4 + i];
                        let w = weights[row * 5 + first + j];
                        expected[row * 5 + first + j] += x * a[i * 2 + k] * b[k * outputs + j];
                        of_a[i * 2 + k] += x * b[k * outputs + j] * w;
                        of_b[k * outputs + j] += x * a[i * 2 + k] * w;
                    }
                }
            }
        }
        let place = usize::from(first == 3);
        let own = crate::values::read_gradients(&projection, &gradients);
        assert_close("a", &own[&format!("adapters.{place}.a")], &of_a, TOLERANCE);
        assert_close("b", &own[&format!("adapters.{place}.b")], &of_b, TOLERANCE);
    }
    assert_close("outputs", &floats(said), &expected, TOLERANCE);
    let merged = dense(&[adapter(1, 1, 3), adapter(3, 2, 5)], 5);
    let by_weight = floats(matrix([6, 4], 7).matmul(merged));
    assert_close("merged", &by_weight, &expected, TOLERANCE);
}

#[test]
fn only_adapters_and_heads_have_gradients() {
    let device = Device::flex().autodiff();
    let expected = Expected::of("bert");
    let trained = |freeze: Freeze| {
        let model = stirred(heads("bert", &config(&[Key, Up]), freeze, &device)).frozen(freeze);
        let both = model.text_logits(0, &expected.rows()).unwrap().sum()
            + model.token_logits(1, &expected.rows()).unwrap().states().sum();
        let names = model.stored_gradients(&both.backward()).into_iter().map(|it| it.0);
        (names.collect::<BTreeSet<String>>(), model.counts())
    };
    let of_heads = ["mood.dense", "mood.output", "tags.output"];
    let of_heads =
        of_heads.iter().flat_map(|it| ["weight", "bias"].map(|p| format!("heads.{it}.{p}")));
    let of_layer = |layer: usize| {
        ["key", "up"].iter().flat_map(move |t| ["a", "b"].map(|p| format!("lora.{layer}.{t}.{p}")))
    };
    let (names, counts) = trained(Freeze::Nothing);
    let both: BTreeSet<String> = of_heads.clone().chain(of_layer(0)).chain(of_layer(1)).collect();
    assert_eq!(names, both);
    // Two layers of rank 3 on 18 to 18 and 18 to 26; 18·18 + 18, and twice 18·2 + 2.
    assert_eq!(counts.trained, 2 * 3 * (36 + 44) + 342 + 76);
    assert!(counts.all > 3 * counts.trained, "{counts:?}");
    let (names, counts) = trained(Freeze::Below(1));
    assert_eq!(names, of_heads.chain(of_layer(1)).collect());
    assert_eq!(counts.trained, 3 * (36 + 44) + 342 + 76);
}

#[test]
fn what_is_saved_is_read_back_with_equal_logits() {
    for (case, targets) in [("bert", [Query, Value]), ("llama", [Gate, Down])] {
        let expected = Expected::of(case);
        let rows = expected.rows();
        let model = stirred(heads(case, &config(&targets), Freeze::Below(1), &Device::flex()));
        let folder = TempDir::new().unwrap();
        model.save(folder.path()).unwrap();
        let read = MultiHead::load(folder.path(), &Device::flex()).unwrap();
        assert_eq!(read.adapters(), model.adapters(), "{case}");
        assert_eq!(logits(&read, &rows), logits(&model, &rows), "{case}");
        // Whoever reads the trunk alone gets it with what the adapters learnt, and saves it without
        // a word of them.
        let alone = Trunk::load(folder.path(), &Device::flex()).unwrap();
        let said = states(&alone, &rows);
        assert_close(case, &said, &states(model.trunk(), &rows), TOLERANCE);
        assert!(differ(&said, &states(&trunk(case, &Device::flex()), &rows)) > 1e-3, "{case}");
        let head = vec![model.configs().next().unwrap().clone()];
        MultiHead::new(alone, head, 5).unwrap().save(folder.path()).unwrap();
        let again = MultiHead::load(folder.path(), &Device::flex()).unwrap();
        assert!(again.adapters().is_none(), "{case}");
        assert_eq!(states(again.trunk(), &rows), said, "{case}");
    }
}

#[test]
fn an_exported_head_has_the_adapters_in_its_weights() {
    for (case, targets) in [
        ("bert", vec![Query, Key, Value, Out, Up, Down]),
        ("distilbert", vec![Query, Value]),
        ("gpt2", vec![Key, Up]),
        ("llama", vec![Query, Key, Value, Out, Gate, Up, Down]),
    ] {
        let model = stirred(heads(case, &config(&targets), Freeze::Nothing, &Device::flex()));
        let (folder, expected) = (TempDir::new().unwrap(), Expected::of(case));
        model.export(0, Task::Sequence, folder.path()).unwrap();
        let json = golden::read_json(&folder.path().join("config.json"));
        assert!(json.get("hybrid_lora").is_none(), "{case}");
        let names = read_tensors(&folder.path().join("model.safetensors"));
        assert!(!names.keys().any(|name| name.contains("lora")), "{case}");
        let theirs = SequenceClassifier::load(folder.path(), &Device::flex()).unwrap();
        let (rows, said) = (expected.rows(), logits(&model, &expected.rows()));
        assert_close(case, &floats(theirs.logits(&rows).unwrap()), &said, TOLERANCE);
        let base = heads(case, &config(&targets), Freeze::Nothing, &Device::flex());
        assert!(differ(&said, &logits(&base, &rows)) > 1e-5, "{case}");
        // The model itself keeps its adapters.
        assert_eq!(logits(&model, &rows), said, "{case}");
    }
}

#[test]
fn adapters_that_cannot_be_are_refused() {
    let refused = |case: &str, config: &LoraConfig, freeze| {
        let device = Device::flex();
        let head = heads("bert", &self::config(&[Query]), Freeze::Nothing, &device);
        let head = vec![head.configs().next().unwrap().clone()];
        let model = MultiHead::new(trunk(case, &device), head, 0).unwrap();
        model.adapted(config, freeze, 0).unwrap_err().to_string()
    };
    let with = |change: fn(&mut LoraConfig)| {
        let mut config = config(&[Query]);
        change(&mut config);
        config
    };
    for (config, expected) in [
        (with(|it| it.rank = 0), "`rank` is 0"),
        (with(|it| it.alpha = 0.0), "`alpha` is 0"),
        (with(|it| it.alpha = f64::NAN), "`alpha` is NaN"),
        (with(|it| it.targets = vec![]), "`targets` is empty"),
        (with(|it| it.targets = vec![Up, Down, Up]), "`targets` names `up` twice"),
        (with(|it| it.rank = 18), "`rank` is 18, but `query` has 18 inputs and 18 outputs"),
        (with(|it| it.targets = vec![Gate]), "`gate`, which the layers of a `bert` do not have"),
    ] {
        let error = refused("bert", &config, Freeze::Nothing);
        assert!(error.contains(expected), "{error}");
    }
    let error = refused("bert", &config(&[Query]), Freeze::Below(2));
    assert!(error.contains("from 2 on, but the trunk has 2"), "{error}");
    let error = refused("llama", &with(|it| it.rank = 100), Freeze::Nothing);
    assert!(error.contains("`rank` is 100"), "{error}");
}

#[test]
fn a_plan_that_does_not_fit_its_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let model = heads("bert", &config(&[Query]), Freeze::Nothing, &Device::flex());
    model.save(folder.path()).unwrap();
    let json = folder.path().join("config.json");
    let good = golden::read_json(&json)["hybrid_lora"].clone();
    let refused = |plan: serde_json::Value| {
        golden::set_key(&json, "hybrid_lora", plan);
        MultiHead::load(folder.path(), &Device::flex()).unwrap_err().to_string()
    };
    let changed = |key: &str, value: serde_json::Value| {
        let mut plan = good.clone();
        plan["config"][key] = value;
        plan
    };
    let layer = |first: usize| serde_json::json!({"config": good["config"], "first_layer": first});
    assert!(refused(layer(2)).contains("does not fit its layers"));
    assert!(refused(changed("rank", 0.into())).contains("does not fit its layers"));
    assert!(refused(changed("rang", 2.into())).contains("is not understood"));
    // Other tensors than it says: all are named.
    let missing = refused(changed("targets", serde_json::json!(["key"])));
    assert!(missing.contains("lora.0.key.a") && missing.contains("lora.1.query.b"), "{missing}");
    let shape = refused(changed("rank", 2.into()));
    assert!(shape.contains("lora.0.query.a"), "{shape}");
}
