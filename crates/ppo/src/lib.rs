//! Proximal policy optimisation: a finished rollout to a loss and its statistics.
