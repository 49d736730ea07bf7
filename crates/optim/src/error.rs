//! What can be wrong with a configuration or a saved state, one sentence each.

/// Everything this crate refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimError {
    /// A value outside the range its definition needs.
    #[error("`{field}` is {value}, must be {allowed}")]
    OutOfRange {
        /// The configuration key.
        field: String,
        /// The value as written.
        value: String,
        /// What is allowed.
        allowed: String,
    },

    /// A saved state of another optimizer or scheduler.
    #[error(
        "the saved optimizer state has the {what} `{saved}`, this run has `{now}`; resume with the \
         configuration it was saved with"
    )]
    OtherKind {
        /// `optimizer` or `scheduler`.
        what: &'static str,
        /// The saved one's name.
        saved: String,
        /// The configured one's name.
        now: String,
    },

    /// A tensor of the saved state that does not fit the model.
    #[error(
        "the saved optimizer state's tensor `{name}` is {got}, expected {expected}; resume with the \
         model and configuration it was saved with"
    )]
    Tensor {
        /// Its name: slot, slash, path of the parameter.
        name: String,
        /// What it is.
        got: String,
        /// What the model needs.
        expected: String,
    },

    /// A number of the saved state that is absent or of another type.
    #[error(
        "the saved optimizer state's `{key}` is {got}, expected {expected}; the checkpoint is \
         damaged or of another version, so resume from another one"
    )]
    Scalar {
        /// Its key.
        key: String,
        /// What it is.
        got: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl OptimError {
    /// True where the input or the configuration is at fault, which holds for every variant: this
    /// crate touches neither files nor the network.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        true
    }
}

/// Refuses `value` unless `ok`; NaN is meant to fail every range.
pub(crate) fn require(
    ok: bool,
    field: &str,
    value: impl std::fmt::Display,
    allowed: &str,
) -> Result<(), OptimError> {
    if ok {
        return Ok(());
    }
    let (field, value, allowed) = (field.to_owned(), value.to_string(), allowed.to_owned());
    Err(OptimError::OutOfRange { field, value, allowed })
}
