//! A graph of 21 nodes with a goal, a thousand random walks on it, and what a walk is worth.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hybrid::{Prompt, Response};
use hybrid_data::encode::Encoded;
use hybrid_data::tokenizer::Tokenizer;
use hybrid_model::Decoder;
use hybrid_model::init::{InitConfig, init};
use serde::Deserialize;

/// Nodes; node 0, written `a`, is the goal.
pub(crate) const NODES: usize = 21;
/// Most nodes of a walk, its start included.
pub(crate) const LONGEST: usize = 10;
/// Tokens: the nodes, and what stands before and after a walk.
const VOCAB: usize = NODES + 2;
const BEGIN: u32 = NODES as u32;
const END: u32 = BEGIN + 1;
/// How [`END`] is written.
pub(crate) const STOP: &str = ".";

/// The graph, and walks that were drawn on it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// `edges[from][to]`.
    pub(crate) edges: Vec<Vec<bool>>,
    /// Nodes on the shortest walk from each node to the goal, [`LONGEST`] where there is none.
    pub(crate) shortest: Vec<usize>,
    /// Random walks that end at the goal or have [`LONGEST`] nodes.
    pub(crate) walks: Vec<Vec<usize>>,
}

/// `golden/random_walks.json`.
#[derive(Deserialize)]
struct Golden {
    adjacency: Vec<String>,
    shortest: Vec<usize>,
    walks: Vec<String>,
    edges: usize,
    mean_optimality: f64,
}

impl World {
    /// The published graph with its walks; fails unless they have the published baseline.
    pub(crate) fn published() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/random_walks.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let golden: Golden = serde_json::from_str(&text)?;
        let edges: Vec<Vec<bool>> = golden
            .adjacency
            .iter()
            .map(|row| row.bytes().map(|edge| edge == b'1').collect())
            .collect();
        let node = |letter: u8| usize::from(letter.wrapping_sub(b'a'));
        let walks = golden.walks.iter().map(|walk| walk.bytes().map(node).collect()).collect();
        let world = Self { shortest: shortest(&edges), edges, walks };
        ensure!(world.shortest == golden.shortest, "shortest walks are not those of the script");
        let found = world.edges.iter().flatten().filter(|edge| **edge).count();
        ensure!(found == golden.edges, "{found} edges, expected {}", golden.edges);
        let of_walks: f64 = world.walks.iter().map(|walk| world.optimality(walk)).sum();
        let mean = of_walks / world.walks.len() as f64;
        ensure!((mean - golden.mean_optimality).abs() < 5e-5, "the walks' optimality is {mean}");
        Ok(world)
    }

    /// `(10 − length) / (10 − shortest)` of a walk that keeps to the edges and ends at the goal: 1 is
    /// the best. Any other is worth 0.
    pub(crate) fn optimality(&self, walk: &[usize]) -> f64 {
        let keeps_to_edges = walk.windows(2).all(|pair| self.has_edge(pair[0], pair[1]));
        let arrives = walk.iter().position(|node| *node == 0) == Some(walk.len() - 1);
        if !keeps_to_edges || !arrives || walk.len() > LONGEST {
            return 0.0;
        }
        (LONGEST - walk.len()) as f64 / (LONGEST - self.shortest[walk[0]]) as f64
    }

    fn has_edge(&self, from: usize, to: usize) -> bool {
        self.edges.get(from).and_then(|row| row.get(to)).is_some_and(|edge| *edge)
    }

    /// What a response to a start node is worth: its tokens up to the end sign are the walk.
    pub(crate) fn score(&self, start: usize, tokens: &[u32]) -> f64 {
        let steps = tokens.iter().take_while(|token| **token != END).map(|token| *token as usize);
        let walk: Vec<usize> = std::iter::once(start).chain(steps).collect();
        self.optimality(&walk)
    }

    /// The scores of responses, each to the prompt beside it.
    pub(crate) fn scores(&self, prompts: &[&Prompt], responses: &[Response]) -> Vec<f64> {
        let score = |(prompt, response): (&&Prompt, &Response)| {
            self.score(prompt.id as usize, &response.completion_ids)
        };
        prompts.iter().zip(responses).map(score).collect()
    }
}

/// Nodes on the shortest walk from every node to node 0, ends included: by relaxing every edge as
/// often as there are nodes.
pub(crate) fn shortest(edges: &[Vec<bool>]) -> Vec<usize> {
    let mut nodes = vec![LONGEST; edges.len()];
    nodes[0] = 1;
    for _ in 0..edges.len() {
        for (from, row) in edges.iter().enumerate().skip(1) {
            for (to, _) in row.iter().enumerate().filter(|(_, edge)| **edge) {
                nodes[from] = nodes[from].min(nodes[to] + 1);
            }
        }
    }
    nodes
}

/// A prompt for every node but the goal, which is its id.
pub(crate) fn starts() -> Vec<Prompt> {
    let prompt = |node: usize| Prompt {
        id: node as u64,
        text: letter(node),
        ids: vec![BEGIN, node as u32],
        targets: Vec::new(),
        fields: serde_json::Map::new(),
    };
    (1..NODES).map(prompt).collect()
}

/// Each prompt `samples` times, as responses come.
pub(crate) fn repeated(prompts: &[Prompt], samples: usize) -> Vec<&Prompt> {
    prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, samples)).collect()
}

/// A walk as a demonstration: everything after its start counts.
pub(crate) fn demonstration(walk: &[usize]) -> Encoded {
    let mut ids = vec![BEGIN];
    ids.extend(walk.iter().map(|node| *node as u32));
    ids.push(END);
    let loss_mask = (0..ids.len()).map(|place| place > 1).collect();
    Encoded { ids, loss_mask }
}

/// A GPT with random weights.
pub(crate) fn fresh(layers: usize, width: usize, seed: u64) -> Result<Decoder> {
    let sizes = InitConfig {
        model_type: "gpt2".to_owned(),
        vocab_size: VOCAB,
        hidden_size: width,
        layers,
        heads: if width.is_multiple_of(6) { 6 } else { 4 },
        kv_heads: None,
        intermediate_size: None,
        context: LONGEST + 4,
        tie_embeddings: true,
    };
    Ok(init(&sizes.to_config()?, seed, &burn::tensor::Device::flex()))
}

/// One token a node, `|` before a walk, `.` after it.
pub(crate) fn tokenizer() -> Tokenizer {
    let mut words: Vec<String> = (0..NODES).map(letter).collect();
    words.extend(["|".to_owned(), STOP.to_owned()]);
    hybrid_testing::models::words(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn letter(node: usize) -> String {
    char::from(b'a' + node as u8).to_string()
}
