//! Why a value is not known, and what to do about it.

use super::function::Function;
use crate::finding::{Code, Finding, Help, Place, RemoteValue};
use crate::text::excerpt;

/// A value that is not known, or cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) struct Unresolved {
    /// The place that has to change: that of the function, or of the parameter's declaration.
    pub(in crate::definition) place: Place,
    /// Why.
    pub(in crate::definition) why: Why,
}

/// Why a value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) enum Why {
    /// A parameter has neither a value nor a default.
    NoValue {
        /// The parameter.
        parameter: String,
        /// The logical id of the nested stack whose parameter it is; nothing if it is that of the definition itself.
        nested: Option<String>,
    },
    /// The Region decides, and it is not given.
    NoRegion {
        /// `AWS::Region`, or a pseudo parameter that follows from it.
        pseudo: String,
    },
    /// Only the deployed stack knows this pseudo parameter.
    DeployedPseudo {
        /// Its name.
        pseudo: String,
    },
    /// Only the deployed stack knows this resource or attribute.
    DeployedResource {
        /// The logical id.
        logical_id: String,
        /// The attribute, if one is meant.
        attribute: Option<String>,
    },
    /// Only AWS knows what this function returns.
    DeployedFunction {
        /// The function as it is written.
        function: String,
    },
    /// Another stack exports the value.
    Import {
        /// The name of the export, if that is known.
        name: Option<String>,
    },
    /// The value of a parameter is stored in Parameter Store.
    StoredParameter {
        /// The parameter of the template.
        parameter: String,
        /// The name in Parameter Store.
        stored: String,
        /// What has to be fetched for it.
        remote: Option<RemoteValue>,
    },
    /// The text has a dynamic reference to Parameter Store or Secrets Manager, such as `{{resolve:ssm:/shop/layer}}`.
    DynamicReference {
        /// The reference, with its braces.
        reference: String,
        /// What has to be fetched for it; nothing if it is a secret, which stays in AWS.
        remote: Option<RemoteValue>,
    },
    /// A macro or `AWS::Include` makes the value.
    Transform {
        /// Its name, if that is known.
        name: Option<String>,
    },
    /// A tag or function that CloudFormation does not define, or did not when limg was written.
    UnknownFunction {
        /// The function as it is written.
        function: String,
        /// The function that it may be a slip of.
        nearest: Option<String>,
    },
    /// The arguments of a function have the wrong form.
    Arguments {
        /// The function.
        function: Function,
        /// The function as it is written.
        written: String,
    },
    /// A function has other keys next to it.
    NotAlone {
        /// The function as it is written.
        function: String,
    },
    /// A function of conditions stands elsewhere, or another function in a condition.
    NotACondition {
        /// What is there.
        found: String,
    },
    /// A condition function is used outside of `Conditions`.
    OnlyInConditions {
        /// The function as it is written.
        function: String,
    },
    /// A list has no item of this index.
    NoItem {
        /// The index as it is written.
        index: String,
        /// The number of items.
        items: usize,
    },
    /// A value has the wrong type.
    WrongType {
        /// What is required, with its article.
        expected: &'static str,
        /// What is there, with its article.
        found: &'static str,
    },
    /// The variable of a `Fn::Sub` has characters that are not allowed in names.
    BadVariable {
        /// The variable, without `${` and `}`.
        variable: String,
    },
    /// The template does not define what is named.
    UnknownName {
        /// What it should be: `parameter or resource`, `condition`, `mapping`, `output`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The name that is nearest to it.
        nearest: Option<String>,
    },
    /// A mapping has no such key.
    NoKey {
        /// The mapping, and the top-level key if the second-level key is missing.
        mapping: String,
        /// The key.
        key: String,
        /// The key that is nearest to it.
        nearest: Option<String>,
    },
    /// A loop makes a key that there is already.
    KeyTwice {
        /// The key.
        key: String,
    },
    /// Loops are nested too deep.
    TooManyLoops {
        /// How many levels CloudFormation accepts.
        at_most: usize,
    },
    /// A value depends on itself.
    Cycle {
        /// Its name.
        name: String,
    },
    /// The template nests or repeats more than any that people write.
    TooMuchWork,
}

impl Unresolved {
    /// A value that is not known.
    pub(super) fn new(place: &Place, why: Why) -> Self {
        Self { place: place.clone(), why }
    }

    /// What settles it if it is fetched from AWS.
    #[must_use]
    pub(in crate::definition) fn remote(&self) -> Option<&RemoteValue> {
        match &self.why {
            Why::StoredParameter { remote, .. } | Why::DynamicReference { remote, .. } => remote.as_ref(),
            _ => None,
        }
    }

    /// The finding about it, an error.
    #[must_use]
    pub(in crate::definition) fn finding(&self) -> Finding {
        let help = self.why.help().map(Help::from);
        let finding = Finding::error(self.why.code(), self.place.clone(), self.why.message());
        finding.optional_help(help).settled_by(self.remote().cloned())
    }
}

impl Why {
    fn code(&self) -> Code {
        match self {
            Self::NoValue { .. }
            | Self::NoRegion { .. }
            | Self::DeployedPseudo { .. }
            | Self::DeployedResource { .. }
            | Self::DeployedFunction { .. }
            | Self::Import { .. }
            | Self::StoredParameter { .. }
            | Self::DynamicReference { .. }
            | Self::Transform { .. }
            | Self::UnknownFunction { .. } => Code::UnresolvedValue,
            Self::WrongType { .. } => Code::WrongType,
            Self::Arguments { .. }
            | Self::NotAlone { .. }
            | Self::NotACondition { .. }
            | Self::OnlyInConditions { .. }
            | Self::NoItem { .. }
            | Self::BadVariable { .. }
            | Self::UnknownName { .. }
            | Self::NoKey { .. }
            | Self::KeyTwice { .. }
            | Self::TooManyLoops { .. }
            | Self::Cycle { .. }
            | Self::TooMuchWork => Code::BadIntrinsic,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoValue { parameter, nested: None } => {
                format!("the parameter `{parameter}` has no value")
            }
            Self::NoValue { parameter, nested: Some(stack) } => {
                format!("the parameter `{parameter}` of the nested stack `{stack}` has no value")
            }
            Self::NoRegion { pseudo } => format!("`{pseudo}` is not known without a Region"),
            Self::DeployedPseudo { pseudo } => format!("only the deployed stack knows `{pseudo}`"),
            Self::DeployedResource { logical_id, attribute: None } => {
                format!("only the deployed stack knows the value of `{logical_id}`")
            }
            Self::DeployedResource { logical_id, attribute: Some(attribute) } => {
                format!("only the deployed stack knows the value of `{logical_id}.{attribute}`")
            }
            Self::DeployedFunction { function } => {
                format!("only the deployed stack knows the result of `{function}`")
            }
            Self::Import { name: Some(name) } => {
                format!("another stack exports the value of `{}`", excerpt(name))
            }
            Self::Import { name: None } => "another stack exports the value".to_owned(),
            Self::StoredParameter { parameter, stored, .. } => {
                format!(
                    "the value of the parameter `{parameter}` is stored in Parameter Store as `{}`",
                    excerpt(stored)
                )
            }
            Self::DynamicReference { reference, .. } => {
                format!("only AWS can resolve `{}`", excerpt(reference))
            }
            Self::Transform { name: Some(name) } => {
                format!("limg does not run the transform `{}`", excerpt(name))
            }
            Self::Transform { name: None } => "limg does not run transforms".to_owned(),
            Self::UnknownFunction { function, .. } => {
                format!("limg does not know the function `{}`", excerpt(function))
            }
            Self::Arguments { written, .. } => format!("`{written}` has arguments of the wrong form"),
            Self::NotAlone { function } => {
                format!("`{}` has other keys next to it", excerpt(function))
            }
            Self::NotACondition { found } => format!("expected a condition, found {}", excerpt(found)),
            Self::OnlyInConditions { function } => format!("`{function}` is only valid under `Conditions`"),
            Self::NoItem { index, items } => {
                format!("`{}` is not the index of an item: the list has {items}", excerpt(index))
            }
            Self::WrongType { expected, found } => format!("expected {expected}, found {found}"),
            Self::BadVariable { variable } => format!("`${{{}}}` is not a valid variable", excerpt(variable)),
            Self::UnknownName { kind, name, .. } => format!("the template has no {kind} `{}`", excerpt(name)),
            Self::NoKey { mapping, key, .. } => {
                format!("the mapping `{}` has no key `{}`", excerpt(mapping), excerpt(key))
            }
            Self::KeyTwice { key } => format!("the loop makes the key `{}` twice", excerpt(key)),
            Self::TooManyLoops { at_most } => format!("loops are nested more than {at_most} levels deep"),
            Self::Cycle { name } => format!("`{}` depends on itself", excerpt(name)),
            Self::TooMuchWork => {
                "the template nests or repeats its functions too often to be evaluated".to_owned()
            }
        }
    }

    fn help(&self) -> Option<String> {
        let did_you_mean =
            |nearest: &Option<String>| nearest.as_ref().map(|name| format!("did you mean `{name}`?"));
        Some(match self {
            Self::NoValue { parameter, nested: None } => {
                format!("pass `--parameter-overrides {parameter}=VALUE`, or add a `Default`")
            }
            Self::NoValue { parameter, nested: Some(stack) } => {
                format!("add `{parameter}` to the `Parameters` of `{stack}`, or add a `Default`")
            }
            Self::NoRegion { .. } => "pass `--region REGION`".to_owned(),
            Self::DeployedPseudo { pseudo } if pseudo == "AWS::AccountId" => "pass `--account ID`".to_owned(),
            Self::StoredParameter { parameter, remote: Some(_), .. } => {
                format!(
                    "use `--fetch` to read it, or change its type to `String`, and pass `--parameter-overrides \
                     {parameter}=VALUE`"
                )
            }
            Self::DynamicReference { remote: Some(_), .. } => {
                "use `--fetch` to read it, or use a parameter instead, and pass `--parameter-overrides NAME=VALUE`"
                    .to_owned()
            }
            Self::DeployedPseudo { .. }
            | Self::DeployedResource { .. }
            | Self::DeployedFunction { .. }
            | Self::Import { .. }
            | Self::DynamicReference { .. } => {
                "use a parameter instead, and pass `--parameter-overrides NAME=VALUE`".to_owned()
            }
            Self::StoredParameter { parameter, .. } => {
                format!("change its type to `String`, and pass `--parameter-overrides {parameter}=VALUE`")
            }
            Self::Transform { .. } => "replace it with what it makes".to_owned(),
            // Rain replaces its own functions when it packages a template (Rain documentation, Packaging).
            Self::UnknownFunction { function, .. }
                if function.trim_start_matches('!').starts_with("Rain::") =>
            {
                "run `rain pkg TEMPLATE`, and name the template that it prints".to_owned()
            }
            Self::UnknownFunction { nearest, .. } => return did_you_mean(nearest),
            Self::Arguments { function, written } => {
                let colon = if written.starts_with('!') { "" } else { ":" };
                format!("write `{written}{colon} {}`", function.arguments())
            }
            Self::NotAlone { .. } => "remove the other keys".to_owned(),
            Self::NotACondition { .. } => {
                "use `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` or `Condition`".to_owned()
            }
            Self::OnlyInConditions { .. } => "define a condition, and use `Fn::If`".to_owned(),
            Self::NoItem { items: 0, .. } => "add an item to the list".to_owned(),
            Self::NoItem { items, .. } => format!("use a number from 0 to {}", items - 1),
            Self::WrongType { .. } => return None,
            Self::BadVariable { variable } => {
                format!(
                    "use letters, digits, `_`, `.` and `:`, or write `${{!{}}}` for literal text",
                    excerpt(variable)
                )
            }
            Self::UnknownName { nearest, kind, .. } => match did_you_mean(nearest) {
                Some(help) => help,
                None => format!("define the {kind}, or remove the reference"),
            },
            Self::NoKey { nearest, .. } => match did_you_mean(nearest) {
                Some(help) => help,
                None => "add the key, or a `DefaultValue`".to_owned(),
            },
            Self::KeyTwice { .. } => {
                "use the loop's identifier in the key, as in `Name${Identifier}`".to_owned()
            }
            Self::TooManyLoops { .. } => "reduce the nesting of `Fn::ForEach`".to_owned(),
            Self::Cycle { .. } => "remove one of the references".to_owned(),
            Self::TooMuchWork => "split the template, or write values out".to_owned(),
        })
    }
}
