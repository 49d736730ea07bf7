//! Lion: the sign of an interpolated momentum (Chen et al. 2023, algorithm 2).

use burn::tensor::Tensor;

use super::Update;
use crate::optimizer::LionParameters;
use crate::state::ParamState;

pub(super) fn lion(
    parameters: &LionParameters,
    update: &Update,
    param: Tensor<1>,
    grad: Tensor<1>,
    state: &mut ParamState,
) -> Tensor<1> {
    let [beta1, beta2] = parameters.betas;
    let (grad, exp_avg) = (update.scaled(grad), state.take("exp_avg"));
    let direction = (exp_avg.clone() * beta1 + grad.clone() * (1.0 - beta1)).sign();
    state.put("exp_avg", &update.info.shape, exp_avg * beta2 + grad * (1.0 - beta2));
    param * update.shrink() - direction * update.lr
}
