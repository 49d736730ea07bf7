//! Rewards of one row to advantages.

/// Generalised advantage estimates of one row (Schulman et al. 2016, equation 16).
///
/// `A_t = Σ_{l≥0} (γλ)^l δ_{t+l}` with `δ_t = r_t + γ V(s_{t+1}) − V(s_t)`. What follows the last
/// entry has the value `after`: 0 where the episode is over, the critic's value of the state after
/// it where it was cut off.
///
/// # Shapes
///
/// - `rewards`, `values`: `[n]`
/// - output: `[n]`
#[must_use]
pub fn gae(rewards: &[f64], values: &[f64], after: f64, gamma: f64, lambda: f64) -> Vec<f64> {
    let mut next_value = after;
    let mut advantage = 0.0;
    let mut advantages: Vec<f64> = rewards
        .iter()
        .zip(values)
        .rev()
        .map(|(reward, value)| {
            let delta = reward + gamma * next_value - value;
            advantage = delta + gamma * lambda * advantage;
            next_value = *value;
            advantage
        })
        .collect();
    advantages.reverse();
    advantages
}

/// The discounted sum of rewards from each token on, `G_t = Σ_{l≥0} γ^l r_{t+l}`, where the value
/// `after` follows the last one.
///
/// # Shapes
///
/// - `rewards`: `[n]`
/// - output: `[n]`
#[must_use]
pub fn returns_to_go(rewards: &[f64], after: f64, gamma: f64) -> Vec<f64> {
    let mut sum = after;
    let mut returns: Vec<f64> = rewards
        .iter()
        .rev()
        .map(|reward| {
            sum = reward + gamma * sum;
            sum
        })
        .collect();
    returns.reverse();
    returns
}

/// For each row, the mean over the entries of all *other* rows; 0 where there are none.
#[must_use]
pub fn mean_of_others(rows: &[Vec<f64>]) -> Vec<f64> {
    let total: f64 = rows.iter().flatten().sum();
    let count = rows.iter().map(Vec::len).sum::<usize>();
    let mean = |row: &Vec<f64>| {
        let others = count - row.len();
        let sum = total - row.iter().sum::<f64>();
        if others == 0 { 0.0 } else { sum / others as f64 }
    };
    rows.iter().map(mean).collect()
}

#[cfg(test)]
mod tests;
