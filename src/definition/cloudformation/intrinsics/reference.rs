//! `Ref` and `Fn::GetAtt`: identifiers of loops, pseudo parameters, parameters, resources, and outputs of nested stacks.

use super::entries::{Entries, Section};
use super::evaluate::{Call, mismatch};
use super::expression::{Expression, Reference, StackId, Value};
use super::memory::once;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::{Node, Scalar, ScalarKind};
use crate::finding::{RemoteValue, StoredParameter};
use crate::project::Partition;

/// The pseudo parameters (CloudFormation user guide, Pseudo parameters).
const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// The transform of AWS SAM.
const SAM: &str = "AWS::Serverless-2016-10-31";

/// The transforms of AWS that make no resource that a template could name. A macro of the user's may make any.
const TRANSFORMS_WITHOUT_RESOURCES: [&str; 4] = [
    "AWS::LanguageExtensions",
    "AWS::CodeDeployBlueGreen",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
];

impl<'t> Stacks<'t> {
    /// `Ref`: its argument is a name.
    pub(super) fn reference(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        match self.evaluate(&call.argument)? {
            Value::Text(Scalar { text, .. }) => self.named(&call.argument, &text),
            Value::Reference(reference) => {
                Err(mismatch(&call.argument, "a name", &Value::Reference(reference)))
            }
            _ => Err(call.malformed()),
        }
    }

    /// `Fn::GetAtt`: `RESOURCE.ATTRIBUTE`, or a list of both.
    pub(super) fn attribute(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        if let Some(Scalar { text, .. }) = call.argument.literal() {
            return match text.split_once('.') {
                Some((logical_id, attribute)) => self.attribute_of(&call.argument, logical_id, attribute),
                None => Err(call.malformed()),
            };
        }
        let arguments = self.arguments(call, 2..=2)?;
        let [logical_id, attribute] = &arguments[..] else { return Err(call.malformed()) };
        let (logical_id, attribute) = (self.needed_text(logical_id)?, self.needed_text(attribute)?);
        self.attribute_of(&call.argument, &logical_id, &attribute)
    }

    /// The value that a name has for `Ref`, or a name with a dot for `Fn::GetAtt`, both of which `Fn::Sub` accepts.
    pub(super) fn named(&self, at: &Expression<'t>, name: &str) -> Result<Value<'t>, Unresolved> {
        let stack = at.stack();
        if let Some(value) = at.bound(name) {
            return Ok(Value::text(value));
        }
        if name.starts_with("AWS::") {
            return self.pseudo_parameter(at, name);
        }
        if let Some(parameter) =
            self.top_level(stack, "Parameters").map_or(Ok(None), |all| self.below(&all, name, at.place()))?
        {
            return once(&self.memory.parameters, stack, name, at.place(), || {
                self.parameter(name, &parameter)
            });
        }
        // SAM has properties of resources that `Ref` may name (SAM developer guide, Referenceable properties).
        if let Some((logical_id, attribute)) = name.split_once('.') {
            return self.attribute_of(at, logical_id, attribute);
        }
        self.check_resource(at, name)?;
        Ok(Value::Reference(Reference { stack, logical_id: name.to_owned(), attribute: None }))
    }

    fn attribute_of(
        &self,
        at: &Expression<'t>,
        logical_id: &str,
        attribute: &str,
    ) -> Result<Value<'t>, Unresolved> {
        if let (Some(nested), Some(output)) =
            (self.nested(at.stack(), logical_id), attribute.strip_prefix("Outputs."))
        {
            return self.output(nested, output, at);
        }
        self.check_resource(at, logical_id)?;
        Ok(Value::Reference(Reference {
            stack: at.stack(),
            logical_id: logical_id.to_owned(),
            attribute: Some(attribute.to_owned()),
        }))
    }

    /// The value of an output of a stack, such as one that its parent names.
    ///
    /// # Errors
    /// When the stack has no such output, or its value is not known.
    pub(in crate::definition) fn output(
        &self,
        stack: StackId,
        name: &str,
        at: &Expression<'t>,
    ) -> Result<Value<'t>, Unresolved> {
        let outputs = self.section(stack, Section::Outputs);
        let value = outputs.get(name).and_then(|output| {
            output.as_written()?.entry("Value").map(|node| output.under_key("Value", node))
        });
        match value {
            Some(value) => once(&self.memory.outputs, stack, name, at.place(), || self.evaluate(&value)),
            None => Err(self.unknown(&outputs, &[], at.place(), "output", name)),
        }
    }

    /// An error if there is no such resource, and none that a transform adds.
    fn check_resource(&self, at: &Expression<'t>, logical_id: &str) -> Result<(), Unresolved> {
        let resources = self.resources(at.stack());
        if resources.get(logical_id).is_some() || self.is_made(at.stack(), &resources, logical_id) {
            return Ok(());
        }
        let parameters = self.top_level(at.stack(), "Parameters");
        let entries = parameters.as_ref().and_then(Expression::as_written).map(Node::entries);
        let others: Vec<&str> = entries.into_iter().flatten().map(|entry| entry.key.as_str()).collect();
        Err(self.unknown(&resources, &others, at.place(), "parameter or resource", logical_id))
    }

    /// Whether a transform of the template makes a resource of this name, as far as one can tell. SAM makes those of its
    /// implicit APIs, and others whose names begin with that of the resource that they belong to, such as `OrdersRole` (SAM
    /// developer guide, Generated CloudFormation resources).
    fn is_made(&self, stack: StackId, resources: &Entries<'t>, logical_id: &str) -> bool {
        let Some(transform) = self.top_level(stack, "Transform") else { return false };
        let transforms = match transform.as_written() {
            Some(Node::List(items)) => &items[..],
            Some(only) => std::slice::from_ref(only),
            None => &[],
        };
        transforms.iter().any(|transform| match transform {
            Node::Scalar(Scalar { text, .. }) if text == SAM => {
                logical_id.starts_with("Serverless") || resources.has_beginning_of(logical_id)
            }
            Node::Scalar(Scalar { text, .. }) => !TRANSFORMS_WITHOUT_RESOURCES.contains(&text.as_str()),
            _ => true,
        })
    }

    fn pseudo_parameter(&self, at: &Expression<'t>, name: &str) -> Result<Value<'t>, Unresolved> {
        let pseudo = &self.pseudo;
        let failed = |why| Err(Unresolved::new(at.place(), why));
        let region = pseudo.region.as_deref();
        let partition = || region.and_then(Partition::of_region);
        let is_nested = self.stack(at.stack()).nested_as().is_some();
        let value = match name {
            "AWS::NoValue" => return Ok(Value::Absent),
            "AWS::Region" => region,
            "AWS::Partition" => partition().map(Partition::name),
            "AWS::URLSuffix" => partition().map(Partition::dns_suffix),
            "AWS::AccountId" => pseudo.account.as_deref(),
            // CloudFormation makes up the names of nested stacks.
            "AWS::StackName" if !is_nested => pseudo.stack_name.as_deref(),
            _ if PSEUDO_PARAMETERS.contains(&name) => None,
            _ => {
                let nearest = crate::text::nearest(name, PSEUDO_PARAMETERS).map(str::to_owned);
                return failed(Why::UnknownName { kind: "pseudo parameter", name: name.to_owned(), nearest });
            }
        };
        let pseudo = name.to_owned();
        match value {
            Some(value) => Ok(Value::text(value)),
            None if matches!(name, "AWS::Region" | "AWS::Partition" | "AWS::URLSuffix") => {
                failed(Why::NoRegion { pseudo })
            }
            None => failed(Why::DeployedPseudo { pseudo }),
        }
    }

    /// The value of a parameter, whose declaration this is.
    fn parameter(&self, name: &str, declaration: &Expression<'t>) -> Result<Value<'t>, Unresolved> {
        let of = |key| Some(declaration.under_key(key, declaration.as_written()?.entry(key)?));
        let kind = of("Type").and_then(|kind| kind.literal()).map_or_else(String::new, |kind| kind.text);
        let value = match self.given(declaration.stack(), name, declaration) {
            Some(given) => given?,
            None => of("Default").map_or(Ok(Value::Absent), |default| self.evaluate(&default))?,
        };
        // CloudFormation reads the parameter's value from Parameter Store, by the name that it is given.
        let stored = kind.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|kind| kind.strip_suffix('>'));
        let (kind, value) = match (stored, value) {
            (Some(kind), Value::Text(Scalar { text, .. })) => {
                (kind, self.stored_parameter(name, declaration, text)?)
            }
            (_, value) => (kind.as_str(), value),
        };
        let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
        match value {
            Value::Absent => {
                let nested = self.stack(declaration.stack()).nested_as().map(str::to_owned);
                Err(Unresolved::new(declaration.place(), Why::NoValue { parameter: name.to_owned(), nested }))
            }
            Value::Text(Scalar { text, .. }) if is_list => {
                self.memory.pay_for_values(declaration.place(), text.matches(',').count() + 1)?;
                let items = text.split(',').map(|item| declaration.computed_text(item.trim()));
                Ok(Value::List(if text.is_empty() { Vec::new() } else { items.collect() }))
            }
            Value::Text(Scalar { text, .. }) if kind == "Number" => Ok(Value::Text(number(text))),
            Value::Text(Scalar { text, .. }) => Ok(Value::text(text)),
            Value::Reference(reference) if is_list => {
                Ok(Value::List(vec![declaration.computed(Value::Reference(reference))]))
            }
            Value::Reference(reference) => Ok(Value::Reference(reference)),
            // Nested stacks accept texts only, but SAM's applications get lists as well.
            Value::List(items) if is_list => Ok(Value::List(items)),
            other => Err(mismatch(declaration, "a single value", &other)),
        }
    }

    /// The value in Parameter Store, if it has been fetched.
    fn stored_parameter(
        &self,
        name: &str,
        declaration: &Expression<'t>,
        stored: String,
    ) -> Result<Value<'t>, Unresolved> {
        let remote = StoredParameter::new(&stored, self.pseudo.region.as_deref());
        if let Some(value) = remote.as_ref().and_then(|remote| self.fetched.parameter(remote)) {
            return Ok(Value::text(value));
        }
        let remote = remote.map(RemoteValue::Parameter);
        let why = Why::StoredParameter { parameter: name.to_owned(), stored, remote };
        Err(Unresolved::new(declaration.place(), why))
    }
}

/// A text as the value of a parameter of the type `Number`.
fn number(text: String) -> Scalar {
    let integer = text.parse().map(ScalarKind::Integer);
    let kind = integer.or_else(|_| text.parse().map(ScalarKind::Decimal)).unwrap_or(ScalarKind::Text);
    Scalar { kind, text }
}
