//! What a parameter is, by its path in the module tree and its shape.
//!
//! Paths are those of `ModuleVisitor::enter_module`, joined by dots, such as
//! `blocks.0.attention.qkv.weight`.

/// What decides how a parameter is stepped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamInfo {
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// A table of token or position embeddings.
    pub(crate) embedding: bool,
    /// A norm's scale, a bias, or any other vector.
    pub(crate) vector: bool,
    /// Part of the value head, the critic or a task head.
    pub(crate) value_head: bool,
    /// The output head.
    pub(crate) head: bool,
}

impl ParamInfo {
    pub(crate) fn new(path: &str, shape: Vec<usize>) -> Self {
        let any = |test: fn(&str) -> bool| path.split('.').any(test);
        let vector = shape.len() < 2
            || any(|name| name == "bias" || name.ends_with("norm") || name.starts_with("norm"));
        Self {
            embedding: any(|name| name.contains("embed") || name == "wte" || name == "wpe"),
            vector,
            value_head: any(|name| matches!(name, "value_head" | "critic" | "heads")),
            head: any(|name| name == "head" || name == "lm_head"),
            shape,
        }
    }

    /// Values it has.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether weight decay applies where norms, biases and embeddings are left out.
    pub(crate) fn decays(&self) -> bool {
        !self.vector && !self.embedding
    }

    /// Whether it is a matrix between two hidden layers.
    pub(crate) fn hidden_matrix(&self) -> bool {
        self.shape.len() == 2 && self.decays() && !self.value_head && !self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_decoder_fall_into_their_groups() {
        let info = |path, shape: &[usize]| ParamInfo::new(path, shape.to_vec());
        for (path, shape) in [
            ("token_embedding", vec![8, 4]),
            ("decoder.position_embedding", vec![8, 4]),
            ("blocks.0.attention_norm.weight", vec![4]),
            ("blocks.0.attention.qkv.bias", vec![12]),
            ("blocks.3.attention.query_norm.weight", vec![2]),
        ] {
            assert!(!info(path, &shape).decays(), "{path}");
            assert!(!info(path, &shape).hidden_matrix(), "{path}");
        }
        for path in ["blocks.0.attention.qkv.weight", "decoder.blocks.1.mlp.up.weight"] {
            assert!(info(path, &[4, 12]).decays(), "{path}");
            assert!(info(path, &[4, 12]).hidden_matrix(), "{path}");
        }
        for path in ["head", "value_head.weight"] {
            assert!(info(path, &[8, 4]).decays(), "{path}");
            assert!(!info(path, &[8, 4]).hidden_matrix(), "{path}");
        }
        assert!(info("value_head.bias", &[1]).value_head);
        assert!(info("critic.blocks.0.mlp.up.weight", &[4, 4]).value_head);
        assert!(info("model.heads.0.output.weight", &[4, 2]).value_head);
        assert!(!info("head", &[8, 4]).value_head);
    }
}
