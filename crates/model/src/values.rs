//! Parameter values in and out of the module tree, by path.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};

/// Sets every parameter from `values`, which must hold one entry for each.
pub(crate) fn fill<M: Module>(module: M, values: HashMap<String, Vec<f32>>, device: &Device) -> M {
    module.map(&mut Filler { values, path: Vec::new(), device })
}

struct Filler<'a> {
    values: HashMap<String, Vec<f32>>,
    path: Vec<String>,
    device: &'a Device,
}

impl ModuleMapper for Filler<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    #[expect(clippy::panic, reason = "the parameter table and the module tree agree, by test")]
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let Some(values) = self.values.remove(&path) else {
            panic!("no values for the parameter `{path}`")
        };
        let data = TensorData::new(values, param.lazy_shape());
        let tensor = Tensor::<D>::from_data(data, self.device);
        let tensor = if self.device.is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(param.id, tensor)
    }
}

/// Sets the parameters that `values` names, each as many numbers as it had, and leaves the others.
pub(crate) fn refill<M: Module>(module: M, values: HashMap<String, Vec<f32>>) -> M {
    module.map(&mut Refiller { values, path: Vec::new() })
}

struct Refiller {
    values: HashMap<String, Vec<f32>>,
    path: Vec<String>,
}

impl ModuleMapper for Refiller {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.values.remove(&self.path.join(".")) else { return param };
        let (before, is_trained) = (param.val(), param.is_require_grad());
        let (shape, device) = (before.dims(), before.device());
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape), &device);
        let is_trained = is_trained && device.is_autodiff();
        let tensor = if is_trained { tensor.require_grad() } else { tensor };
        Param::initialized(param.id, tensor)
    }
}

/// Every parameter's values.
pub(crate) fn read(module: &impl Module) -> BTreeMap<String, Vec<f32>> {
    read_some(module, &|_| true)
}

/// The values of the parameters whose paths are wanted.
pub(crate) fn read_some(
    module: &impl Module,
    is_wanted: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, Vec<f32>> {
    let mut reader =
        Reader { gradients: None, is_wanted, path: Vec::new(), values: BTreeMap::new() };
    module.visit(&mut reader);
    reader.values
}

/// Every parameter's gradient, where there is one.
pub(crate) fn read_gradients(
    module: &impl Module,
    gradients: &Gradients,
) -> BTreeMap<String, Vec<f32>> {
    let mut reader = Reader {
        gradients: Some(gradients),
        is_wanted: &|_| true,
        path: Vec::new(),
        values: BTreeMap::new(),
    };
    module.visit(&mut reader);
    reader.values
}

/// Path and number of values of every parameter that records gradients.
pub(crate) fn trained_sizes(module: &impl Module) -> BTreeMap<String, usize> {
    let mut census = Census::default();
    module.visit(&mut census);
    census.trained
}

/// Values of the parameters that record gradients, and of all.
pub(crate) fn counts(module: &impl Module) -> (usize, usize) {
    let mut census = Census::default();
    module.visit(&mut census);
    (census.trained.values().sum(), census.all)
}

#[derive(Default)]
struct Census {
    path: Vec<String>,
    trained: BTreeMap<String, usize>,
    all: usize,
}

impl ModuleVisitor for Census {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let size = param.lazy_shape().num_elements();
        self.all += size;
        if param.is_require_grad() {
            self.trained.insert(self.path.join("."), size);
        }
    }
}

struct Reader<'a> {
    gradients: Option<&'a Gradients>,
    is_wanted: &'a dyn Fn(&str) -> bool,
    path: Vec<String>,
    values: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Reader<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    #[expect(clippy::expect_used, reason = "a parameter is a float tensor, and f32 holds it")]
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        if !(self.is_wanted)(&path) {
            return;
        }
        let tensor = match self.gradients {
            None => Some(param.val()),
            Some(gradients) => param.val().grad(gradients),
        };
        let Some(tensor) = tensor else { return };
        let data = tensor.into_data();
        let values: Vec<f32> = data.try_into_vec_as().expect("a float tensor converts to f32");
        self.values.insert(path, values);
    }
}
