//! No text makes a parser panic, overflow the stack or run for long.

use proptest::prelude::*;

use crate::exports::node::Format;
use crate::exports::{Exports, LONGEST, node, python, ruby};

fn all(text: &str) -> [Exports; 5] {
    [
        python::exports(text),
        node::exports(text, Format::EsModule),
        node::exports(text, Format::CommonJs),
        ruby::exports(text, None),
        ruby::exports(text, Some("A::B")),
    ]
}

#[test]
fn no_nesting_overflows_the_stack() {
    let nested = |open: &str, close: &str| {
        let count = 100_000.min(LONGEST / (open.len() + close.len()) - 1);
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    for (open, close) in [("x = [", ""), ("(", ")")] {
        let text = nested(open, close);
        python::exports(&text);
        ruby::exports(&text, Some("A"));
    }
    for (open, close) in [("[", "]"), ("module.exports=", ""), ("a=>", ""), ("`${", "}`")] {
        node::exports(&nested(open, close), Format::CommonJs);
    }
    python::exports(&nested("not ", ""));
    ruby::exports(&nested("class A\n", "\nend"), Some("A"));
}

#[test]
fn texts_that_would_be_read_thousands_of_times_are_given_up() {
    let text = "%w(".repeat(LONGEST / 3);
    assert_eq!(ruby::exports(&text, None), Exports::Unknowable);
}

#[test]
fn a_text_that_is_too_long_is_not_parsed() {
    let text = format!("handler = 1\n{}", "#".repeat(LONGEST));
    assert_eq!(python::exports(&text), Exports::Unknowable);
    assert!(matches!(python::exports(&text[..LONGEST]), Exports::Known(_)));
}

proptest! {
    #[test]
    fn any_text_is_parsed(text in ".{0,200}") {
        all(&text);
    }

    #[test]
    fn any_pieces_of_programs_are_parsed(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("module.exports"), Just("exports"), Just("this"), Just("."), Just("="), Just("{"), Just("}"), Just("("),
                Just(")"), Just("=>"), Just("'a'"), Just("a"), Just("\n"), Just("  "), Just("def "), Just("class "), Just("end"),
                Just("self"), Just("extend "), Just("from "), Just("import "), Just("as "), Just("case "), Just(":"), Just("["),
                Just("]"), Just("*"), Just(","), Just("function "), Just("export "), Just("default "), Just("__export"),
                Just("Object.defineProperty"), Just("require"), Just("global "), Just("match "), Just("with "), Just("<<A"), Just("%w("),
            ],
            0..40,
        )
    ) {
        all(&pieces.concat());
    }

    /// What is known without an addition is not lost by one.
    #[test]
    fn an_assignment_adds_its_name(name in "[a-z]{3,8}", before in "(x = 1\n|import json\n|def f(): pass\n){0,4}") {
        let Exports::Known(names) = python::exports(&format!("{before}{name} = 2\n")) else {
            // The name may be one that opens the module, or a keyword.
            return Ok(());
        };
        prop_assert!(names.all.contains(&name));
    }
}
