//! Saving, and loading what was saved.

use hybrid_gguf::MappedFile;

use super::*;
use crate::weights::save;

/// The values as bits: a NaN or a negative zero would not compare as a number.
fn bits(decoder: &Decoder) -> BTreeMap<String, Vec<u32>> {
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
    decoder.values().into_iter().map(|(name, values)| (name, bits(values))).collect()
}

#[test]
fn what_is_saved_loads_bit_for_bit() {
    for (name, path) in models() {
        let decoder = try_load(&path).unwrap();
        let saved = TempDir::new().unwrap();
        save(&decoder, saved.path()).unwrap();
        let again = try_load(saved.path()).unwrap();
        assert_eq!(bits(&again), bits(&decoder), "{name}");
        let files: Vec<_> = std::fs::read_dir(saved.path()).unwrap().collect();
        assert_eq!(files.len(), 2, "{name}: {files:?}");
    }
}

/// The names under which `transformers` saves the same model, and the values as f32.
#[test]
fn stored_tensors_are_those_of_the_original() {
    for (name, path) in models() {
        let single = path.join("model.safetensors");
        if !single.exists() {
            continue;
        }
        let saved = TempDir::new().unwrap();
        save(&try_load(&path).unwrap(), saved.path()).unwrap();
        let ours = read_tensors(&saved.path().join("model.safetensors"));
        let theirs = read_tensors(&single);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (tensor, (dtype, shape, bytes)) in theirs {
            // A checkpoint of the base model leaves the prefix out; ours never does.
            let full = format!("transformer.{tensor}");
            let (our_dtype, our_shape, our_bytes) =
                ours.get(&tensor).unwrap_or_else(|| &ours[&full]);
            assert_eq!((our_dtype, our_shape), (&Dtype::F32, &shape), "{name}: {tensor}");
            if dtype == Dtype::F32 {
                assert!(*our_bytes == bytes, "{name}: {tensor}");
            }
        }
    }
}

#[test]
fn the_file_says_that_its_layout_is_pytorchs() {
    let saved = TempDir::new().unwrap();
    save(&try_load(&golden("models/qwen3")).unwrap(), saved.path()).unwrap();
    let file = MappedFile::open(&saved.path().join("model.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
}

#[test]
fn the_configuration_keeps_every_key_but_its_type() {
    for (name, path) in models() {
        let copy = copy_of(&name);
        let file = copy.path().join("config.json");
        let mut original = read_json(&path.join("config.json"));
        original["my_note"] = serde_json::json!({ "nested": [1, null, "ü"] });
        original["quantization_config"] = serde_json::json!({ "bits": 4 });
        std::fs::write(&file, original.to_string()).unwrap();
        let saved = TempDir::new().unwrap();
        save(&try_load(copy.path()).unwrap(), saved.path()).unwrap();
        let mut ours = read_json(&saved.path().join("config.json"));
        assert_eq!(ours["dtype"], "float32", "{name}");
        let class = ours["architectures"][0].as_str().unwrap();
        assert!(class.ends_with("ForCausalLM") || class == "GPT2LMHeadModel", "{name}: {class}");
        for config in [&mut ours, &mut original] {
            let config = config.as_object_mut().unwrap();
            for key in ["dtype", "torch_dtype", "architectures", "quantization_config"] {
                config.remove(key);
            }
        }
        assert_eq!(ours, original, "{name}");
        let text = std::fs::read_to_string(saved.path().join("config.json")).unwrap();
        assert!(!text.contains("torch_dtype") && !text.contains("quantization"), "{name}");
    }
}

#[test]
fn saving_replaces_a_model_and_leaves_the_rest() {
    let folder = copy_of("llama_mha");
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    let other = try_load(&golden("models/opt")).unwrap();
    save(&other, folder.path()).unwrap();
    assert_eq!(bits(&try_load(folder.path()).unwrap()), bits(&other));
    assert_eq!(read_json(&folder.path().join("config.json"))["model_type"], "opt");
    assert!(folder.path().join("tokenizer.json").exists());
    for name in ["model.safetensors.partial", "config.json.partial"] {
        assert!(!folder.path().join(name).exists(), "{name} is left");
    }
}

#[test]
fn a_model_can_be_saved_where_it_was_loaded_from() {
    let folder = copy_of("llama_tied_bf16");
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let decoder = load(&checkpoint, &Device::flex()).unwrap();
    save(&decoder, folder.path()).unwrap();
    // The open checkpoint still maps the old file.
    assert_eq!(bits(&load(&checkpoint, &Device::flex()).unwrap()), bits(&decoder));
    assert_eq!(bits(&try_load(folder.path()).unwrap()), bits(&decoder));
}

#[test]
fn a_save_that_fails_leaves_the_old_model() {
    let folder = copy_of("llama_mha");
    let old = bits(&try_load(folder.path()).unwrap());
    let other = try_load(&golden("models/opt")).unwrap();
    // A directory stands where a file is to be written.
    for blocked in ["config.json.partial", "model.safetensors.partial"] {
        std::fs::create_dir(folder.path().join(blocked)).unwrap();
        let error = save(&other, folder.path()).unwrap_err();
        assert!(error.to_string().starts_with("cannot write `"), "{error}");
        assert!(error.to_string().contains(blocked), "{error}");
        assert!(!error.is_bad_input());
        std::fs::remove_dir(folder.path().join(blocked)).unwrap();
        assert_eq!(bits(&try_load(folder.path()).unwrap()), old);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), {
            std::fs::read_dir(golden("models/llama_mha")).unwrap().count()
        });
    }
    let file = folder.path().join("config.json");
    let error = save(&other, &file).unwrap_err().to_string();
    assert!(error.starts_with("cannot create `"), "{error}");
}
