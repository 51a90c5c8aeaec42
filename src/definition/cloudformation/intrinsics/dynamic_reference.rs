//! Dynamic references, such as `{{resolve:ssm:/shop/runtime}}` (CloudFormation user guide, Dynamic references).
//!
//! A value of Parameter Store takes the reference's place once it has been fetched. Secrets, of Secrets Manager and in secure
//! strings of Parameter Store, stay in AWS.

use super::expression::Expression;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::finding::{RemoteValue, StoredParameter};

const START: &str = "{{resolve:";
const END: &str = "}}";

impl<'t> Stacks<'t> {
    /// A text with the values of its dynamic references in their places; nothing if it has none.
    pub(super) fn with_stored_values(
        &self,
        expression: &Expression<'t>,
        text: &str,
    ) -> Result<Option<String>, Unresolved> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, reference, after)) = first(rest) {
            let remote = self.stored(reference);
            let Some(value) = remote.as_ref().and_then(|remote| self.fetched.parameter(remote)) else {
                let reference = format!("{START}{reference}{END}");
                let why = Why::DynamicReference { reference, remote: remote.map(RemoteValue::Parameter) };
                return Err(Unresolved::new(expression.place(), why));
            };
            self.memory.pay_for_bytes(expression.place(), before.len() + value.len())?;
            resolved.push_str(before);
            resolved.push_str(value);
            rest = after;
        }
        Ok((rest.len() < text.len()).then(|| resolved + rest))
    }

    /// The parameter that a reference names; nothing if it names a secret or is malformed.
    fn stored(&self, reference: &str) -> Option<StoredParameter> {
        StoredParameter::new(reference.strip_prefix("ssm:")?, self.pseudo.region.as_deref())
    }
}

/// The first reference in a text, without its braces, and what is before and after it.
fn first(text: &str) -> Option<(&str, &str, &str)> {
    let (before, from) = text.split_once(START)?;
    let (reference, after) = from.split_once(END)?;
    Some((before, reference, after))
}
