//! Walks over a module tree: which parameters there are, their gradients, their update.

use std::collections::BTreeMap;

use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Int, Tensor};
use hybrid_kernels::elementwise::{accumulate, accumulate_rows, sum_of_squares};

use crate::groups::ParamInfo;
use crate::state::Place;

/// Every float parameter's path, shape and place.
#[derive(Debug, Default)]
pub(super) struct Census {
    path: Vec<String>,
    params: BTreeMap<String, (ParamInfo, Place)>,
    trainable: Vec<String>,
}

impl Census {
    /// What is known of the parameter at `path`.
    pub(super) fn get(&self, path: &str) -> Option<&(ParamInfo, Place)> {
        self.params.get(path)
    }

    /// Paths of the parameters that ask for gradients.
    pub(super) fn trainable(&self) -> impl Iterator<Item = &String> {
        self.trainable.iter()
    }
}

impl ModuleVisitor for Census {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        if param.is_require_grad() {
            self.trainable.push(path.clone());
        }
        let info = ParamInfo::new(&path, param.lazy_shape().to_vec());
        let place = Place { device: param.lazy_device().inner(), dtype: param.dtype() };
        self.params.insert(path, (info, place));
    }
}

/// The sum of a parameter's gradients, `[n]`.
#[derive(Debug)]
pub(super) struct Gradient {
    sum: Tensor<1>,
    /// The sum of its squares, where the last addition said it.
    squares: Option<f64>,
}

impl Gradient {
    pub(super) fn new(gradient: Tensor<1>) -> Self {
        Self { sum: gradient, squares: None }
    }

    fn plus(self, gradient: Tensor<1>) -> Self {
        let (sum, squares) = accumulate(self.sum, gradient);
        Self { sum, squares }
    }

    /// With `gradient[i]`, `[n, e]`, added to row `rows[i]` of the table that the sum is.
    pub(super) fn plus_rows(self, rows: Tensor<1, Int>, gradient: Tensor<2>) -> Self {
        Self::new(accumulate_rows(self.sum, rows, gradient))
    }

    /// The sum of its squares, and the same again.
    pub(super) fn squared(self) -> (f64, Self) {
        let (squares, sum) = match self.squares {
            Some(squares) => (squares, self.sum),
            None => sum_of_squares(self.sum),
        };
        (squares, Self { sum, squares: Some(squares) })
    }
}

/// Moves a module's gradients into sums by path.
pub(super) struct Collect<'a> {
    path: Vec<String>,
    gradients: Gradients,
    sums: &'a mut BTreeMap<String, Gradient>,
    /// What the gradient of a parameter is multiplied by, where that is anything.
    factor: Option<&'a dyn Fn(&str) -> f64>,
}

impl<'a> Collect<'a> {
    pub(super) fn new(
        gradients: Gradients,
        sums: &'a mut BTreeMap<String, Gradient>,
        factor: Option<&'a dyn Fn(&str) -> f64>,
    ) -> Self {
        Self { path: Vec::new(), gradients, sums, factor }
    }
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else { return };
        let n = gradient.dims().iter().product::<usize>();
        let gradient: Tensor<1> = gradient.reshape([n]);
        let path = self.path.join(".");
        let gradient = match self.factor {
            Some(factor) => gradient * factor(&path),
            None => gradient,
        };
        let sum = match self.sums.remove(&path) {
            Some(sum) => sum.plus(gradient),
            None => Gradient::new(gradient),
        };
        self.sums.insert(path, sum);
    }
}

/// A parameter on its way through its update; `param` and `grad` are `[n]` without autodiff.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) path: String,
    pub(super) info: ParamInfo,
    pub(super) place: Place,
    pub(super) param: Tensor<1>,
    pub(super) grad: Tensor<1>,
}

/// Replaces every parameter that has a gradient by its update.
pub(super) struct Apply<F> {
    path: Vec<String>,
    gradients: BTreeMap<String, Gradient>,
    update: F,
}

impl<F: FnMut(Placed) -> Tensor<1>> Apply<F> {
    pub(super) fn new(gradients: BTreeMap<String, Gradient>, update: F) -> Self {
        Self { path: Vec::new(), gradients, update }
    }
}

impl<F: FnMut(Placed) -> Tensor<1>> ModuleMapper for Apply<F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let Some(Gradient { sum: grad, .. }) = self.gradients.remove(&path) else { return param };
        let (id, tensor, mapper) = param.consume();
        let checkpointing = tensor.gradient_checkpointing_strategy();
        let tensor = tensor.inner();
        let dims = tensor.dims();
        let info = ParamInfo::new(&path, dims.to_vec());
        let place = Place { device: tensor.device(), dtype: tensor.dtype() };
        let param: Tensor<1> = tensor.reshape([info.len()]);
        let updated = (self.update)(Placed { path, info, place, param, grad });
        let mut tensor = Tensor::<D>::from_inner(updated.reshape(dims));
        // A parameter lifted back with another strategy than its inputs' is refused by autodiff.
        if let Some(strategy) = checkpointing {
            tensor = tensor.with_gradient_checkpointing_strategy(strategy);
        }
        Param::from_mapped_value(id, tensor.require_grad(), mapper)
    }
}
