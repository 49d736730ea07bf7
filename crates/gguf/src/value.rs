//! What a metadata key holds, and how to read it as a Rust type.

/// A metadata value, in the type the file gives it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the format's own type names")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// An array value; all its elements have one type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are the format's own type names")]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<Array>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl Array {
    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Array(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn element_name(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I8(_) => "i8",
            Self::U16(_) => "u16",
            Self::I16(_) => "i16",
            Self::U32(_) => "u32",
            Self::I32(_) => "i32",
            Self::F32(_) => "f32",
            Self::Bool(_) => "bool",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F64(_) => "f64",
        }
    }
}

impl Value {
    /// The value in words, shortened, for error messages: "the u32 7", "an array of 3 strings".
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::U8(value) => format!("the u8 {value}"),
            Self::I8(value) => format!("the i8 {value}"),
            Self::U16(value) => format!("the u16 {value}"),
            Self::I16(value) => format!("the i16 {value}"),
            Self::U32(value) => format!("the u32 {value}"),
            Self::I32(value) => format!("the i32 {value}"),
            Self::F32(value) => format!("the f32 {value}"),
            Self::Bool(value) => format!("the bool {value}"),
            Self::String(value) => format!("the string {:?}", shortened(value)),
            Self::Array(array) => {
                format!("an array of {} {} values", array.len(), array.element_name())
            }
            Self::U64(value) => format!("the u64 {value}"),
            Self::I64(value) => format!("the i64 {value}"),
            Self::F64(value) => format!("the f64 {value}"),
        }
    }

    /// Any integer type, widened.
    fn integer(&self) -> Option<i128> {
        Some(match *self {
            Self::U8(value) => value.into(),
            Self::I8(value) => value.into(),
            Self::U16(value) => value.into(),
            Self::I16(value) => value.into(),
            Self::U32(value) => value.into(),
            Self::I32(value) => value.into(),
            Self::U64(value) => value.into(),
            Self::I64(value) => value.into(),
            _ => return None,
        })
    }
}

fn shortened(text: &str) -> String {
    const LIMIT: usize = 60;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A type that a metadata value can be read as.
///
/// Integers are read from any integer type in which the number fits, because writers differ in the
/// width they choose; floats from either float type; everything else from its own type only.
pub trait FromValue<'a>: Sized {
    /// The type in words, for error messages.
    const EXPECTED: &'static str;

    /// The value as this type, or None when it is another type or out of range.
    fn from_value(value: &'a Value) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty, $expected:literal;)*) => {$(
        impl FromValue<'_> for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &Value) -> Option<Self> {
                value.integer()?.try_into().ok()
            }
        }
    )*};
}

integers! {
    u32, "an integer of 0 to 2^32 - 1";
    u64, "an integer of 0 to 2^64 - 1";
    i64, "an integer of -2^63 to 2^63 - 1";
    usize, "an integer that is not negative";
}

impl FromValue<'_> for f32 {
    const EXPECTED: &'static str = "a float";

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::F32(value) => Some(value),
            Value::F64(value) => Some(value as f32),
            _ => None,
        }
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "a bool";

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";

    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a [String] {
    const EXPECTED: &'static str = "an array of strings";

    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Array(Array::String(values)) => Some(values),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a [f32] {
    const EXPECTED: &'static str = "an array of f32";

    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Array(Array::F32(values)) => Some(values),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a [bool] {
    const EXPECTED: &'static str = "an array of bools";

    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Array(Array::Bool(values)) => Some(values),
            _ => None,
        }
    }
}

impl FromValue<'_> for Vec<i64> {
    const EXPECTED: &'static str = "an array of integers";

    fn from_value(value: &Value) -> Option<Self> {
        let Value::Array(array) = value else { return None };
        match array {
            Array::U8(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Array::I8(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Array::U16(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Array::I16(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Array::U32(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Array::I32(values) => Some(values.iter().map(|&value| value.into()).collect()),
            Array::I64(values) => Some(values.clone()),
            Array::U64(values) => values.iter().map(|&value| value.try_into().ok()).collect(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
