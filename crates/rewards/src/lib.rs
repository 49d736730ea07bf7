//! Rewards: text in, one number out; composed from a spec.
