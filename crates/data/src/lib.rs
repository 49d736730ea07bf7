//! Data for training: files to records, records to token ids with a loss mask, and those to batches.
//!
//! The crate is where text enters and leaves: it reads files and knows tokenizers and chat
//! templates, and it knows nothing of tensors, models or devices. Read it in this order:
//!
//! 1. [`config`] — the `[data]` table of a run: which files, which columns, which records.
//! 2. [`reader`] — files to rows, streaming where the format allows.
//! 3. [`record`] — rows to records: a text, a prompt with its completion, a list of messages.
//! 4. [`view`] — markup cleaned, texts cut into prompt and completion.
//! 5. [`select`] — which records are kept, in which order, and what is held out.
//! 6. [`load`] — all of the above in one call: what is trained on, measured on, prompted with.
//! 7. [`tokenizer`] — text to token ids and back, out of a Hugging Face directory or a GGUF file.
//! 8. [`template`] — messages to the text a chat model was trained on.
//! 9. [`encode`] — records to token ids with a loss mask.
//! 10. [`parallel`] — many records at once, whose results come in their order.
//! 11. [`pack`] — many short examples into one row, none of which sees another.
//! 12. [`batch`] — rows padded on the right to one length.
//! 13. [`order`] — the order of examples and batches, which can be saved and resumed.
//! 14. [`error`] — everything the readers can refuse, and where in a file it was.
//!
//! A mask is boolean and says *true where the token counts*, never the opposite. It comes from
//! lengths and positions, never from token ids.

pub mod batch;
pub mod config;
pub mod encode;
pub mod error;
pub mod load;
pub mod order;
pub mod pack;
pub mod parallel;
pub mod reader;
pub mod record;
pub mod select;
pub mod template;
pub mod tokenizer;
pub mod view;
