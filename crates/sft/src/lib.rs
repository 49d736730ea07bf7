//! Supervised fine-tuning: a batch of demonstrations to a loss.
