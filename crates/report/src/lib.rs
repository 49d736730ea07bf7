//! A run directory to one page, and to TensorBoard event files.
