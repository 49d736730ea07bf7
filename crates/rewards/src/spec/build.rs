//! The recursion over components: keys that every component has, then those of its type.

use std::time::Duration;

use serde_json::{Map, Value};

use super::node::Node;
use super::params::{describe, join, suggestion};
use super::registry::{BuildEnv, MakeRule, Maker, Part, Registry, Site, Weights};
use super::tree::RewardTree;
use crate::combine::{Child, Combined};
use crate::error::{SpecError, SpecErrors, join_names};
use crate::post::PostProcess;

/// Deeper nesting than anyone writes, and far from the end of the stack.
const MAX_DEPTH: usize = 32;

/// Keys under which a whole file may hold its spec.
pub(super) const WRAPPERS: [&str; 2] = ["REWARD", "reward"];

impl Registry {
    /// Builds the reward that `spec` describes: a spec itself, or an object that holds one under
    /// `REWARD` or `reward`.
    ///
    /// # Errors
    ///
    /// [`SpecErrors`] with every mistake: where, what, the nearest name, the known names.
    pub fn build(&self, spec: &Value, env: &BuildEnv<'_>) -> Result<RewardTree, SpecErrors> {
        let (spec, path) = unwrap(spec)?;
        let mut builder = Builder {
            registry: self,
            site: Site { env: *env, path, errors: Vec::new() },
            depth: 0,
        };
        // A weight at the root changes nothing, but lets a component be tried alone as it stands.
        let built = builder.node(spec, Weights::Used);
        match built {
            Some((root, _)) if builder.site.errors.is_empty() => Ok(RewardTree::new(root)),
            _ => Err(SpecErrors(builder.site.errors)),
        }
    }
}

/// The spec inside a file, and the key it stands under.
fn unwrap(spec: &Value) -> Result<(&Value, String), SpecErrors> {
    let Value::Object(map) = spec else { return Ok((spec, String::new())) };
    if map.contains_key("type") {
        return Ok((spec, String::new()));
    }
    let held: Vec<&str> = WRAPPERS.into_iter().filter(|key| map.contains_key(*key)).collect();
    match held.as_slice() {
        [key] => Ok((map.get(*key).unwrap_or(spec), (*key).to_owned())),
        [] => Ok((spec, String::new())),
        _ => {
            let reason = "holds both `REWARD` and `reward`; keep one of them".to_owned();
            Err(SpecErrors(vec![SpecError { path: String::new(), reason }]))
        }
    }
}

/// The keys that any component may have.
#[derive(Default)]
struct Envelope {
    name: Option<String>,
    weight: f64,
    timeout: Option<Duration>,
}

struct Builder<'a> {
    registry: &'a Registry,
    site: Site<'a>,
    depth: usize,
}

impl Builder<'_> {
    /// Runs `step` with `key` added to the path.
    fn at<T>(&mut self, key: &str, step: impl FnOnce(&mut Self) -> T) -> T {
        let inner = join(&self.site.path, key);
        let outer = std::mem::replace(&mut self.site.path, inner);
        let result = step(self);
        self.site.path = outer;
        result
    }

    /// Builds one component and returns it with its weight; `None` where it has a mistake.
    fn node(&mut self, spec: &Value, weights: Weights) -> Option<(Node, f64)> {
        let Value::Object(map) = spec else {
            let reason = format!("expected an object with a `type`, got {}", describe(spec));
            self.site.error("", reason);
            return None;
        };
        if self.depth >= MAX_DEPTH {
            self.site.error("", format!("nested deeper than {MAX_DEPTH} levels; flatten the spec"));
            return None;
        }
        let mut map = map.clone();
        let kind = self.take_type(&mut map, true);
        let envelope = self.envelope(&mut map, weights);
        let post = self.postprocess(&mut map);
        let kind = kind?;
        let Some(entry) = self.registry.find(&kind) else {
            let names: Vec<&str> = self.registry.rewards.keys().copied().collect();
            let known = suggestion(&kind, &names, "the known rewards are");
            self.site.error("type", format!("unknown reward `{kind}`; {known}"));
            return None;
        };
        let name = envelope.name.clone().unwrap_or(kind);
        let mut node = match &entry.make {
            Maker::Reward(make) => {
                let reward = make(&map, &mut self.site)?;
                let needs = reward.needs();
                let compares_group = needs.group;
                let leaves = vec![(name.clone(), needs)];
                let (post, timeout) = (vec![], None);
                Node { name, reward, post, timeout, leaves, is_leaf: true, compares_group }
            }
            Maker::Combinator(child_weights, make) => {
                let components = self.components(&mut map, *child_weights);
                self.combined(name, &map, components, make)?
            }
            Maker::Bundle(parts, make) => {
                let components = self.parts(&mut map, parts);
                self.combined(name, &map, components, make)?
            }
        };
        node.post = post?;
        node.compares_group |= node.post.iter().any(|step| step.compares_group());
        node.timeout = envelope.timeout;
        Some((node, envelope.weight))
    }

    fn take_type(&mut self, map: &mut Map<String, Value>, reward: bool) -> Option<String> {
        match map.shift_remove("type") {
            Some(Value::String(kind)) => return Some(kind),
            Some(other) => {
                self.site.error("type", format!("expected a name, got {}", describe(&other)));
            }
            None => {
                let names: Vec<&str> = if reward {
                    self.registry.rewards.keys().copied().collect()
                } else {
                    self.registry.posts.keys().copied().collect()
                };
                let known = super::params::quoted(&names);
                self.site.error("", format!("has no `type`; set it to one of {known}"));
            }
        }
        None
    }

    fn envelope(&mut self, map: &mut Map<String, Value>, weights: Weights) -> Envelope {
        let mut envelope = Envelope { weight: 1.0, ..Envelope::default() };
        match map.shift_remove("name") {
            None => {}
            Some(Value::String(name)) if !name.is_empty() && !name.contains('/') => {
                envelope.name = Some(name);
            }
            Some(other) => {
                let got = describe(&other);
                self.site.error("name", format!("expected a name without `/`, got {got}"));
            }
        }
        if let Some(weight) = map.shift_remove("weight") {
            envelope.weight = self.weight(&weight, weights);
        }
        if let Some(limit) = map.shift_remove("timeout_ms") {
            match limit.as_u64() {
                Some(limit) if limit > 0 => envelope.timeout = Some(Duration::from_millis(limit)),
                _ => {
                    let got = describe(&limit);
                    let reason = format!("expected a whole number of milliseconds ≥ 1, got {got}");
                    self.site.error("timeout_ms", reason);
                }
            }
        }
        envelope
    }

    fn weight(&mut self, weight: &Value, weights: Weights) -> f64 {
        if weights == Weights::Unused {
            let advice = "only components of `weighted_sum`, `geometric_mean` and \
                          `group_normalize` have one; remove it";
            self.site.error("weight", format!("has no effect here: {advice}"));
            return 1.0;
        }
        match weight.as_f64().filter(|weight| weight.is_finite()) {
            Some(weight) => weight,
            None => {
                self.site
                    .error("weight", format!("expected a finite number, got {}", describe(weight)));
                1.0
            }
        }
    }

    fn components(
        &mut self,
        map: &mut Map<String, Value>,
        weights: Weights,
    ) -> (Option<Vec<Node>>, Vec<Child>) {
        let specs = match map.shift_remove("components") {
            Some(Value::Array(specs)) if !specs.is_empty() => specs,
            Some(other) => {
                let got = describe(&other);
                self.site.error("components", format!("expected a list of rewards, got {got}"));
                return (None, Vec::new());
            }
            None => {
                self.site.error("", "has no `components`; give a list of at least one reward");
                return (None, Vec::new());
            }
        };
        let place = |(index, spec)| (format!("components[{index}]"), spec);
        let specs = specs.into_iter().enumerate().map(place).collect();
        self.children(specs, weights)
    }

    /// The components of a bundle, each under its own key; a part that is null is left out.
    fn parts(
        &mut self,
        map: &mut Map<String, Value>,
        parts: &[Part],
    ) -> (Option<Vec<Node>>, Vec<Child>) {
        let mut specs = Vec::with_capacity(parts.len());
        for part in parts {
            let own = match map.shift_remove(part.key) {
                None if part.present => Map::new(),
                None | Some(Value::Null) => continue,
                Some(Value::Object(own)) => own,
                Some(other) => {
                    let got = describe(&other);
                    self.site.error(part.key, format!("expected an object or null, got {got}"));
                    continue;
                }
            };
            let mut spec = if own.contains_key("type") { Map::new() } else { (part.spec)() };
            spec.insert("name".to_owned(), part.key.into());
            spec.extend(own);
            specs.push((part.key.to_owned(), Value::Object(spec)));
        }
        if specs.is_empty() {
            let keys: Vec<&str> = parts.iter().map(|part| part.key).collect();
            let known = super::params::quoted(&keys);
            self.site.error("", format!("leaves out every part; keep one of {known}"));
            return (None, Vec::new());
        }
        self.children(specs, Weights::Used)
    }

    /// Builds the components of one place, each with the key under which it stands.
    fn children(
        &mut self,
        specs: Vec<(String, Value)>,
        weights: Weights,
    ) -> (Option<Vec<Node>>, Vec<Child>) {
        self.depth += 1;
        let mut nodes = Vec::with_capacity(specs.len());
        let mut children: Vec<Child> = Vec::with_capacity(specs.len());
        let mut whole = true;
        for (place, spec) in &specs {
            let built = self.at(place, |builder| builder.node(spec, weights));
            let Some((node, weight)) = built else {
                // A stand-in, so that the combinator still sees how many components there are.
                children.push(Child { name: String::new(), weight: 1.0 });
                whole = false;
                continue;
            };
            if children.iter().any(|child| child.name == node.name) {
                let reason = format!(
                    "a second component is called `{}`; give one of them another `name`",
                    node.name
                );
                self.site.error(place, reason);
            }
            children.push(Child { name: node.name.clone(), weight });
            nodes.push(node);
        }
        self.depth -= 1;
        (whole.then_some(nodes), children)
    }

    /// A combinator over its components.
    fn combined(
        &mut self,
        name: String,
        map: &Map<String, Value>,
        (nodes, children): (Option<Vec<Node>>, Vec<Child>),
        make: &MakeRule,
    ) -> Option<Node> {
        let rule = make(map, &children, &mut self.site)?;
        let leaves = below(&name, &nodes);
        let nodes = nodes?;
        let compares_group = rule.needs_group() || nodes.iter().any(|node| node.compares_group);
        let reward = Box::new(Combined::new(nodes, rule));
        let (post, timeout) = (vec![], None);
        Some(Node { name, reward, post, timeout, leaves, is_leaf: false, compares_group })
    }

    fn postprocess(&mut self, map: &mut Map<String, Value>) -> Option<Vec<Box<dyn PostProcess>>> {
        let specs = match map.shift_remove("postprocess") {
            None => return Some(Vec::new()),
            Some(Value::Array(specs)) => specs,
            Some(other) => {
                let got = describe(&other);
                self.site.error("postprocess", format!("expected a list of steps, got {got}"));
                return None;
            }
        };
        let mut steps = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            let step = self.at(&format!("postprocess[{index}]"), |builder| builder.post_step(spec));
            steps.push(step);
        }
        steps.into_iter().collect()
    }

    fn post_step(&mut self, spec: &Value) -> Option<Box<dyn PostProcess>> {
        let Value::Object(map) = spec else {
            let reason = format!("expected an object with a `type`, got {}", describe(spec));
            self.site.error("", reason);
            return None;
        };
        let mut map = map.clone();
        let kind = self.take_type(&mut map, false)?;
        let Some(entry) = self.registry.posts.get(kind.as_str()) else {
            let names: Vec<&str> = self.registry.posts.keys().copied().collect();
            let known = suggestion(&kind, &names, "the known post-processors are");
            self.site.error("type", format!("unknown post-processor `{kind}`; {known}"));
            return None;
        };
        (entry.make)(&map, &mut self.site)
    }
}

fn below(name: &str, nodes: &Option<Vec<Node>>) -> Vec<(String, crate::reward::Needs)> {
    let leaves = nodes.iter().flatten().flat_map(|node| &node.leaves);
    leaves.map(|(path, needs)| (join_names(name, path), needs.clone())).collect()
}
