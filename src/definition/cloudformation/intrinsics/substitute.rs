//! `Fn::Sub`: a text with variables.

use super::evaluate::{Call, mismatch};
use super::expression::{Expression, Value};
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::{Node, Scalar};

/// A piece of the text.
enum Piece<'s> {
    Literal(&'s str),
    Variable(&'s str),
}

impl<'t> Stacks<'t> {
    /// `Fn::Sub`: a text, or a list of it and a mapping from variables to values.
    ///
    /// A text that is one variable and nothing else has the variable's value, so that a layer may be named so.
    pub(super) fn sub(&self, call: &Call<'t>) -> Result<Value<'t>, Unresolved> {
        let (at, variables) = if let Some(Node::Scalar(_)) = call.argument.as_written() {
            (call.argument.clone(), Vec::new())
        } else {
            let arguments = self.arguments(call, 2..=2)?;
            let [text, variables] = &arguments[..] else { return Err(call.malformed()) };
            (text.clone(), self.map(variables)?.ok_or_else(|| call.malformed())?)
        };
        let Some(Scalar { text, .. }) = at.literal() else { return Err(call.malformed()) };
        let pieces = pieces(&text);
        let is_alone = pieces.len() == 1;
        let mut result = String::with_capacity(text.len());
        for piece in pieces {
            let start = result.len();
            match piece {
                Piece::Literal(literal) => result.push_str(literal),
                Piece::Variable(name) => match self.variable(&at, &variables, name)? {
                    Value::Text(Scalar { text, .. }) => result.push_str(&text),
                    value @ Value::Reference(_) if is_alone => return Ok(value),
                    other => return Err(mismatch(&at, "a single value", &other)),
                },
            }
            self.memory.pay_for_bytes(at.place(), result.len() - start)?;
        }
        Ok(Value::text(result))
    }

    fn variable(
        &self,
        at: &Expression<'t>,
        variables: &[(String, Expression<'t>)],
        name: &str,
    ) -> Result<Value<'t>, Unresolved> {
        if let Some((_, value)) = variables.iter().find(|(variable, _)| variable == name) {
            return self.evaluate(value);
        }
        // CloudFormation rejects other characters.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(&byte))
        {
            return Err(Unresolved::new(at.place(), Why::BadVariable { variable: name.to_owned() }));
        }
        self.named(at, name)
    }
}

/// The pieces of a text: `${Name}` is a variable, `${!Name}` the literal text `${Name}`. A brace that is not closed is
/// literal too.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        let Some(end) = from.find('}') else { break };
        if !before.is_empty() {
            pieces.push(Piece::Literal(before));
        }
        match from[2..end].strip_prefix('!') {
            Some(_) => {
                pieces.push(Piece::Literal("${"));
                pieces.push(Piece::Literal(&from[3..=end]));
            }
            None => pieces.push(Piece::Variable(from[2..end].trim())),
        }
        rest = &from[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}
