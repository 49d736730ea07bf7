//! Optimizer and scheduler factories, clipping, accumulation: one Stepper.
