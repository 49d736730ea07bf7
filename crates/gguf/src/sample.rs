//! Builds GGUF files byte by byte for the tests, right or wrong as a test needs them.

/// The parts of a file, in the file's order.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u32,
    pub(crate) n_tensors: Option<u64>,
    pub(crate) n_keys: Option<u64>,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) tensors: Vec<Vec<u8>>,
    pub(crate) alignment: usize,
    pub(crate) data: Vec<u8>,
}

impl Sample {
    /// A file with nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3,
            n_tensors: None,
            n_keys: None,
            keys: Vec::new(),
            tensors: Vec::new(),
            alignment: 32,
            data: Vec::new(),
        }
    }

    /// A small file with a key of every kind and two tensors.
    pub(crate) fn small() -> Self {
        let numbers: Vec<u8> = [1.0f32, -2.0, 0.5, 3.0, 4.0, 5.0]
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .chain([0; 8])
            .chain(q8_0_block())
            .collect();
        Self::empty()
            .key("general.architecture", 8, &string("llama"))
            .key("u8", 0, &[7])
            .key("i8", 1, &[0xff])
            .key("u16", 2, &300u16.to_le_bytes())
            .key("i16", 3, &(-300i16).to_le_bytes())
            .key("u32", 4, &70_000u32.to_le_bytes())
            .key("i32", 5, &(-70_000i32).to_le_bytes())
            .key("f32", 6, &1.5f32.to_le_bytes())
            .key("bool", 7, &[1])
            .key("u64", 10, &(1u64 << 40).to_le_bytes())
            .key("i64", 11, &(-1i64 << 40).to_le_bytes())
            .key("f64", 12, &2.5f64.to_le_bytes())
            .key("strings", 9, &array(8, 2, &[string("a"), string("é")].concat()))
            .key("floats", 9, &array(6, 2, &[0, 0, 128, 63, 0, 0, 0, 64]))
            .key("nested", 9, &array(9, 1, &array(4, 1, &9u32.to_le_bytes())))
            .tensor("plain", &[3, 2], 0, 0)
            .tensor("quantised", &[32], 8, 32)
            .data(numbers)
    }

    pub(crate) fn key(mut self, name: &str, kind: u32, value: &[u8]) -> Self {
        self.keys.push([&string(name), &kind.to_le_bytes()[..], value].concat());
        self
    }

    /// `dims` as the file has them, innermost first.
    pub(crate) fn tensor(mut self, name: &str, dims: &[u64], dtype: u32, offset: u64) -> Self {
        let dims_bytes: Vec<u8> = dims.iter().flat_map(|dim| dim.to_le_bytes()).collect();
        let n_dims = (dims.len() as u32).to_le_bytes();
        let parts =
            [&string(name), &n_dims[..], &dims_bytes, &dtype.to_le_bytes(), &offset.to_le_bytes()];
        self.tensors.push(parts.concat());
        self
    }

    pub(crate) fn data(mut self, data: Vec<u8>) -> Self {
        self.data = data;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let n_tensors = self.n_tensors.unwrap_or(self.tensors.len() as u64);
        let n_keys = self.n_keys.unwrap_or(self.keys.len() as u64);
        let mut bytes = self.magic.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(n_tensors.to_le_bytes());
        bytes.extend(n_keys.to_le_bytes());
        bytes.extend(self.keys.concat());
        bytes.extend(self.tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
        bytes.extend(&self.data);
        bytes
    }
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    raw_string(text.len() as u64, text.as_bytes())
}

pub(crate) fn raw_string(len: u64, text: &[u8]) -> Vec<u8> {
    [&len.to_le_bytes()[..], text].concat()
}

pub(crate) fn array(kind: u32, len: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), elements].concat()
}

/// Scale 0.5 and the numbers -16 to 15.
fn q8_0_block() -> Vec<u8> {
    [0x00, 0x38].into_iter().chain((-16i8..16).map(|number| number as u8)).collect()
}
