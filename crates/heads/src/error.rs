//! What can be wrong with labels, targets, settings, or the device.

/// Something that cannot be computed, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadsError {
    /// A number outside its range.
    #[error("`{field}` is {value}, must be {allowed}")]
    OutOfRange {
        /// The setting or argument.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Lists that belong together and differ in length.
    #[error("`{field}` has {found} entries, must have {expected}")]
    Length {
        /// The list.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The length of what it belongs to.
        expected: usize,
    },
    /// A number that is infinite or no number.
    #[error("entry {index} of `{field}`, counted from 0, is not finite")]
    NotFinite {
        /// The list.
        field: &'static str,
        /// The first such entry.
        index: usize,
    },
    /// A label that the set does not hold.
    #[error("the label `{label}` is unknown; known are {known}")]
    UnknownLabel {
        /// The label.
        label: String,
        /// The labels of the set, each in quotes.
        known: String,
    },
    /// Names that are no set of labels.
    #[error("these labels cannot be used: {reason}")]
    Labels {
        /// What is wrong, and what is needed.
        reason: String,
    },
    /// A loss in which no target counts.
    #[error("no target of this batch counts in the loss, so there is nothing to learn from")]
    NothingCounts,
    /// Values that do not come back from the device.
    #[error("the numbers cannot be read from the device: {reason}")]
    Device {
        /// What the backend says.
        reason: String,
    },
}

impl HeadsError {
    /// True where the input or the configuration is at fault, false where the machine is.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        !matches!(self, Self::Device { .. })
    }
}

/// Nothing where `holds`, else [`HeadsError::OutOfRange`].
pub(crate) fn require(
    holds: bool,
    field: &'static str,
    value: f64,
    allowed: &'static str,
) -> Result<(), HeadsError> {
    if holds { Ok(()) } else { Err(HeadsError::OutOfRange { field, value, allowed }) }
}

/// [`HeadsError::Length`] where `found` is not `expected`.
pub(crate) fn same_length(
    field: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), HeadsError> {
    if found == expected { Ok(()) } else { Err(HeadsError::Length { field, found, expected }) }
}

/// [`HeadsError::NotFinite`] for the first number of `values` that is infinite or NaN.
pub(crate) fn all_finite(
    field: &'static str,
    values: impl IntoIterator<Item = f64>,
) -> Result<(), HeadsError> {
    match values.into_iter().position(|value| !value.is_finite()) {
        Some(index) => Err(HeadsError::NotFinite { field, index }),
        None => Ok(()),
    }
}

/// An id that must be one of `classes`.
pub(crate) fn class_below(
    field: &'static str,
    id: usize,
    classes: usize,
) -> Result<(), HeadsError> {
    require(id < classes, field, id as f64, "the id of a class, counted from 0")
}
