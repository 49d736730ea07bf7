//! A sequence classifier with its tokenizer: a text, or two, in; one number a label out.

use std::path::Path;

use hybrid_data::tokenizer::{Segments, TextLimit, Tokenizer, TruncationSide};
use hybrid_model::heads::{HeadConfig, Level, lists_heads};
use hybrid_model::labels::Labels;
use hybrid_model::{Device, MultiHead, RowError, SequenceClassifier, Tensor, TokenRow, Trunk};

use serde::Deserialize;

use super::language_model::whole;

/// A classifier and the tokenizer it was trained with.
#[derive(Debug)]
pub struct TextClassifier {
    network: Network,
    tokenizer: Tokenizer,
    kept: Option<KeptTask>,
}

/// Where the numbers of a reward model lie on the texts that it was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Standard {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
}

impl Standard {
    /// A number in deviations from the mean.
    #[must_use]
    pub fn of(self, number: f64) -> f64 {
        (number - self.mean) / self.deviation
    }
}

/// What a run keeps of a head beside its weights; here only what a score needs.
#[derive(Debug, Deserialize)]
struct KeptTask {
    name: String,
    /// Most tokens of the texts that it was trained on.
    max_length: usize,
    #[serde(default)]
    truncation_side: TruncationSide,
    #[serde(default)]
    scale: Option<Standard>,
}

/// The file with the tasks of a run of heads.
const TASKS: &str = "tasks.json";

/// What gives the logits.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one a model; its weights are elsewhere")]
enum Network {
    /// A folder of `transformers`.
    Family(SequenceClassifier),
    /// One of the heads of a run.
    Head { model: MultiHead, head: usize, labels: Labels },
}

impl Network {
    fn load(path: &Path, task: Option<&str>, device: &Device) -> Result<Self, String> {
        if lists_heads(path) {
            let model = MultiHead::load(path, device).map_err(|error| whole(&error))?;
            return Self::head(path, task, model);
        }
        if let Some(task) = task {
            return Err(format!(
                "`{}` is one classifier and has no heads to choose `{task}` among; leave `task` out",
                path.display()
            ));
        }
        let classifier = SequenceClassifier::load(path, device).map_err(|error| whole(&error))?;
        Ok(Self::Family(classifier))
    }

    /// The head of `task`, or the only one that reads whole texts.
    fn head(path: &Path, task: Option<&str>, model: MultiHead) -> Result<Self, String> {
        let of_texts: Vec<(usize, &HeadConfig)> =
            model.configs().enumerate().filter(|(_, head)| head.level == Level::Text).collect();
        let found = match (task, of_texts.as_slice()) {
            (Some(task), _) => of_texts.iter().find(|(_, head)| head.name == task),
            (None, [one]) => Some(one),
            (None, _) => None,
        };
        let Some((head, labels)) = found.and_then(|(head, own)| Some((*head, own.labels.clone()?)))
        else {
            let names: Vec<String> =
                of_texts.iter().map(|(_, head)| format!("`{}`", head.name)).collect();
            let unknown = task.map(|task| format!(" and no `{task}`")).unwrap_or_default();
            return Err(format!(
                "`{}` has the heads {}{unknown}: choose one of them by `task`",
                path.display(),
                names.join(", ")
            ));
        };
        Ok(Self::Head { model, head, labels })
    }

    fn trunk(&self) -> &Trunk {
        match self {
            Self::Family(classifier) => classifier.trunk(),
            Self::Head { model, .. } => model.trunk(),
        }
    }

    fn logits(&self, rows: &[TokenRow<'_>]) -> Result<Tensor<2>, RowError> {
        match self {
            Self::Family(classifier) => classifier.logits(rows),
            Self::Head { model, head, .. } => model.text_logits(*head, rows),
        }
    }
}

impl TextClassifier {
    /// Reads a Hugging Face folder, or the head `task` of a checkpoint of a run of heads, onto
    /// `device`.
    ///
    /// # Errors
    ///
    /// One sentence that names the path: no classifier, a broken one, no such head, or a tokenizer
    /// that is not its own.
    pub fn load(path: &Path, task: Option<&str>, device: &Device) -> Result<Self, String> {
        if path.is_file() {
            return Err(format!(
                "`{}` is a file, but a classifier is a folder with `config.json`, \
                 `model.safetensors` and `tokenizer.json`",
                path.display()
            ));
        }
        let network = Network::load(path, task, device)?;
        let tokenizer = Tokenizer::from_dir(path).map_err(|error| whole(&error))?;
        let (tokens, rows) = (tokenizer.vocab_size(), vocabulary(network.trunk()));
        if tokens > rows {
            return Err(format!(
                "the tokenizer of `{}` knows {tokens} tokens, but the model's embedding has only \
                 {rows} rows: they belong to different models",
                path.display()
            ));
        }
        let kept = kept(path, &network)?;
        Ok(Self { network, tokenizer, kept })
    }

    /// The scale of a reward model's numbers, where its run measured one.
    #[must_use]
    pub fn standard(&self) -> Option<Standard> {
        self.kept.as_ref()?.scale
    }

    /// What the outputs mean, by the folder's `config.json`.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        match &self.network {
            Network::Family(classifier) => classifier.labels(),
            Network::Head { labels, .. } => labels,
        }
    }

    /// The most tokens that are read: `wanted`, but never more than the model has positions for and
    /// the tokenizer's `model_max_length`. A head that was trained here takes its run's
    /// `train.max_length` for the latter, and only where nothing is wanted.
    #[must_use]
    pub fn limit(&self, wanted: Option<usize>) -> usize {
        let own = match &self.kept {
            Some(kept) => wanted.is_none().then_some(kept.max_length),
            None => self.tokenizer.max_length(),
        };
        let limits = [wanted, own].into_iter().flatten();
        limits.fold(self.network.trunk().max_tokens(), usize::min)
    }

    /// One text or a pair as the model reads it, cut to `limit` tokens: a text of a head that was
    /// trained here where its run cut texts, see [`Tokenizer::encode_cut`], and all others as
    /// [`Tokenizer::encode_segments`] does. It has a token at least.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in one sentence: a token or a type that the model does not know, or a
    /// `limit` that its special tokens alone exceed.
    pub fn row(&self, first: &str, second: Option<&str>, limit: usize) -> Result<Segments, String> {
        let encoded = match (&self.kept, second) {
            (Some(kept), None) => {
                let limit = TextLimit { max_length: limit, side: kept.truncation_side };
                let rows = self.tokenizer.encode_cut(&[first], limit);
                rows.map(|rows| Segments { ids: rows.concat(), types: Vec::new() })
            }
            _ => self.tokenizer.encode_segments(first, second, limit),
        };
        let mut row = encoded.map_err(|error| whole(&error))?;
        if matches!(self.network.trunk(), Trunk::Encoder(encoder) if encoder.config().token_types < 2)
        {
            row.types.clear();
        }
        self.network.trunk().check(&[token_row(&row)]).map_err(|error| whole(&error))?;
        Ok(row)
    }

    /// The logits of each row, in the order of the labels; NaN where a row cannot be read, which
    /// none of [`row`](Self::row) is.
    #[must_use]
    pub fn logits(&self, rows: &[&Segments]) -> Vec<Vec<f64>> {
        let count = self.labels().count();
        let tokens: Vec<TokenRow<'_>> = rows.iter().map(|row| token_row(row)).collect();
        let Ok(logits) = self.network.logits(&tokens) else {
            return vec![vec![f64::NAN; count]; rows.len()];
        };
        let flat: Vec<f64> = logits.into_data().iter::<f64>().collect();
        flat.chunks(count).map(<[f64]>::to_vec).collect()
    }
}

/// What the run of a head keeps of it.
fn kept(path: &Path, network: &Network) -> Result<Option<KeptTask>, String> {
    let Network::Head { model, head, .. } = network else { return Ok(None) };
    let (file, name) = (path.join(TASKS), model.configs().nth(*head).map(|head| &head.name));
    if !file.is_file() {
        return Ok(None);
    }
    let wrong = |reason: String| format!("`{}` cannot be read: {reason}", file.display());
    let text = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
    let tasks: Vec<KeptTask> =
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    let kept = tasks.into_iter().find(|task| Some(&task.name) == name);
    match kept.as_ref().and_then(|kept| kept.scale) {
        Some(Standard { mean, deviation }) if !(mean.is_finite() && deviation > 0.0) => {
            Err(wrong(format!("its scale has the mean {mean} and the deviation {deviation}")))
        }
        _ => Ok(kept),
    }
}

fn token_row(row: &Segments) -> TokenRow<'_> {
    TokenRow { ids: &row.ids, types: &row.types }
}

/// Rows of the model's token embedding.
fn vocabulary(trunk: &Trunk) -> usize {
    match trunk {
        Trunk::Encoder(encoder) => encoder.config().vocab_size,
        Trunk::Decoder(decoder) => decoder.config().vocab_size,
    }
}
