mod beside;
mod kinds;
mod resume;
mod steps;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use hybrid_data::load::Source;
use hybrid_data::tokenizer::{TextLimit, Tokenizer};
use hybrid_model::{MultiHead, Trunk};
use hybrid_testing::models;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::{AnyConfig, HeadsConfig, TaskConfig, parse_any};
use crate::run_dir::Environment;

/// A folder with a tiny model, rows, and the runs on it.
pub(super) struct Bench {
    pub(super) folder: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        models::write(&bench.path().join("model"), "gpt2", 3, &Device::flex());
        bench
    }

    /// With a tiny BERT, whose tokenizer knows letters.
    pub(super) fn of_an_encoder() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        let model = bench.path().join("model");
        std::fs::create_dir(&model).unwrap();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/rewards/embedding/bert");
        for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
        {
            std::fs::copy(Path::new(golden).join(file), model.join(file)).unwrap();
        }
        bench
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes rows and returns the name of their file.
    pub(super) fn rows(&self, name: &str, rows: &[Value]) -> String {
        let path = self.path().join(name);
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A configuration, with what a run of these tests always has before `text`.
    pub(super) fn config(&self, text: &str) -> HeadsConfig {
        match self.any_config(text) {
            Ok(AnyConfig::Heads(config)) => config,
            Ok(AnyConfig::Language(_)) => panic!("a phase of a language model in {text}"),
            Err(error) => panic!("{error}"),
        }
    }

    /// The same for a run of either kind.
    pub(super) fn any_config(&self, text: &str) -> Result<AnyConfig, crate::config::ConfigError> {
        let text = format!(
            "seed = 5\nmodel.base = \"model\"\noutput.dir = {:?}\noutput.tensorboard = false\n{text}",
            self.path().join("run").display().to_string()
        );
        parse_any(&text, Path::new("heads.toml"), &[])
    }

    pub(super) fn tokenizer(&self) -> Tokenizer {
        Tokenizer::from_dir(&self.path().join("model")).unwrap()
    }

    /// Everything that a run needs, with the files of `data.train` and `data.validation` as they are.
    pub(super) fn parts(&self, config: &HeadsConfig) -> Result<HeadsParts, crate::HybridError> {
        let tokenizer = self.tokenizer();
        let rows = self.task_rows(&config.head, config.train.limit(), config.seed)?;
        let device = Device::flex().autodiff();
        Ok(HeadsParts {
            config: config.clone(),
            trunk: Trunk::load(&self.path().join("model"), &device)?,
            tokenizer,
            rewards: rows.iter().map(|_| None).collect(),
            rows,
            environment: Environment::new("cpu", &[]),
        })
    }

    /// The rows of every head, read from its files as they are.
    pub(super) fn task_rows(
        &self,
        heads: &[TaskConfig],
        limit: TextLimit,
        seed: u64,
    ) -> Result<Vec<TaskRows>, crate::HybridError> {
        let tokenizer = self.tokenizer();
        let read = |head: &TaskConfig| {
            let train = head.data.train.0.iter().map(Source::local).collect();
            let neutral = head.data.neutral.iter().flat_map(|neutral| &neutral.train.0);
            let neutral = neutral.map(Source::local).collect();
            let sources = TaskSources { train, neutral, ..TaskSources::default() };
            example::read(head, &sources, &tokenizer, limit, seed)
        };
        heads.iter().map(read).collect()
    }

    /// A trainer that has done nothing, with the rows of its tasks.
    pub(super) fn trainer(&self, config: &HeadsConfig) -> (HeadsTrainer, Vec<TaskRows>) {
        let HeadsParts { trunk, rows, rewards, .. } = self.parts(config).unwrap();
        let heads = config.head.iter().zip(&rows).map(|(head, rows)| rows.task.head(head));
        let model = MultiHead::new(trunk, heads.collect(), config.seed).unwrap();
        (HeadsTrainer::new(config.clone(), model, &rows, rewards).unwrap(), rows)
    }
}

/// Texts that say their label in their last word.
pub(super) fn moods(count: usize) -> Vec<Value> {
    let row = |place: usize| {
        let is_good = place.is_multiple_of(2);
        let text = format!("{} {}", place / 2, if is_good { "yes" } else { "no" });
        json!({ "text": text, "label": if is_good { "good" } else { "bad" } })
    };
    (0..count).map(row).collect()
}

/// Every weight of trunk and heads.
pub(super) fn weights(trainer: &HeadsTrainer) -> Vec<f32> {
    weights_of(trainer.model())
}

pub(super) fn weights_of(model: &MultiHead) -> Vec<f32> {
    stored(model).into_values().flatten().collect()
}

/// Every weight of trunk and heads by the name of its tensor.
pub(super) fn stored(model: &MultiHead) -> BTreeMap<String, Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path()).unwrap();
    let stored = crate::checkpoint::read_tensors(&folder.path().join("model.safetensors")).unwrap();
    let values = |tensor: crate::checkpoint::SavedTensor| match tensor.data {
        crate::checkpoint::SavedData::F32(values) => values,
        crate::checkpoint::SavedData::U8(_) => panic!("weights are numbers"),
    };
    stored.into_iter().map(|(name, tensor)| (name, values(tensor))).collect()
}
