//! Addresses of resources and references to them: `module.api["eu"].aws_lambda_function.orders[0]` (Terraform language, Resource
//! addressing).

/// A name with the index of one of its instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) name: String,
    /// The key of `for_each` or the number of `count`.
    pub(super) index: Option<String>,
}

/// The address of a resource in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The modules around the resource, the outermost first.
    pub(super) modules: Vec<Part>,
    /// Its type, such as `aws_lambda_function`.
    pub(super) kind: String,
    /// Its name.
    pub(super) resource: Part,
}

impl Address {
    /// Reads an address. Nothing if it is not that of a resource or data source.
    pub(super) fn read(text: &str) -> Option<Self> {
        let parts = parts(text);
        let (mut modules, mut rest) = (Vec::new(), &parts[..]);
        while let [word, module, below @ ..] = rest
            && word.name == "module"
        {
            modules.push(module.clone());
            rest = below;
        }
        let rest = match rest {
            [data, below @ ..] if data.name == "data" => below,
            other => other,
        };
        let [kind, resource] = rest else { return None };
        Some(Self { modules, kind: kind.name.clone(), resource: resource.clone() })
    }

    /// The name for people: `api/eu/orders/0`.
    pub(super) fn name(&self) -> String {
        let parts = self.modules.iter().chain([&self.resource]);
        let words = parts.flat_map(|part| [Some(&part.name), part.index.as_ref()]).flatten();
        words.map(String::as_str).collect::<Vec<_>>().join("/")
    }
}

/// The parts of an address or reference between dots. Keys in brackets may contain dots and escaped quotes.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (index, after) = match after.strip_prefix('[').map(index) {
            Some((index, after)) => (Some(index), after),
            None => (None, after),
        };
        parts.push(Part { name: name.to_owned(), index });
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    parts
}

/// The index after an opening bracket, and what follows the closing one.
fn index(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        return match text.split_once(']') {
            Some((index, after)) => (index.to_owned(), after),
            None => (text.to_owned(), ""),
        };
    };
    let mut key = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or_default();
                return (key, after.strip_prefix(']').unwrap_or(after));
            }
            '\\' => key.extend(letters.next().map(|(_, escaped)| escaped)),
            other => key.push(other),
        }
    }
    (key, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_have_names_for_people() {
        for (address, name) in [
            ("aws_lambda_function.orders", Some("orders")),
            ("aws_lambda_function.orders[0]", Some("orders/0")),
            ("aws_lambda_function.orders[\"a.b]\"]", Some("orders/a.b]")),
            ("module.api.aws_lambda_function.orders", Some("api/orders")),
            (
                "module.api[\"e\\\"u\"].module.x[1].aws_lambda_function.orders[\"c\"]",
                Some("api/e\"u/x/1/orders/c"),
            ),
            ("module.api.data.archive_file.code", Some("api/code")),
            ("data.archive_file.code", Some("code")),
            ("module.api", None),
            ("aws_lambda_function.orders.arn", None),
            ("", None),
        ] {
            assert_eq!(Address::read(address).map(|address| address.name()).as_deref(), name, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_parts(text in "[a-z.\\[\\]\"\\\\é]{0,20}") {
            parts(&text);
        }
    }
}
