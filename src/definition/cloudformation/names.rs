//! What functions and layers are called: their logical ids, or in templates of CDK the paths of their constructs.
//!
//! CDK makes a logical id of the construct's path below its stack, without `/`, and eight characters of a hash, such as
//! `ApiHandler5E7490E8` of `Shop/ApiHandler/Resource`. People know the path.

use super::intrinsics::{Expression, StackId, Stacks};

/// The construct that is the CloudFormation resource of a construct around it (AWS CDK developer guide, Constructs).
const RESOURCE: &str = "Resource";

/// The construct that CDK leaves out of logical ids altogether.
const DEFAULT: &str = "Default";

/// The length of the hash at the end of a logical id.
const HASH: usize = 8;

/// The names of the functions and layers of one stack and those that it nests.
pub(super) struct Names {
    /// The part of construct paths that names leave out; none if the names are logical ids.
    left_out: Option<Vec<String>>,
    /// The name of the stack, with which names begin where a definition has several stacks.
    stack: Option<String>,
}

impl Names {
    /// The names in a stack, which has a name itself where a definition has several.
    pub(super) fn of(stacks: &Stacks<'_>, root: StackId, name: Option<String>) -> Self {
        let resources = stacks.resources(root);
        let of_stack = || {
            resources.iter().find_map(|(logical_id, resource)| {
                let path = construct_path(stacks, resource)?;
                let path: Vec<_> = path.split('/').collect();
                let length = (1..path.len()).find(|length| is_logical_id(logical_id, &path[*length..]))?;
                Some(path[..length].iter().map(|part| (*part).to_owned()).collect())
            })
        };
        let is_of_cdk = resources.iter().any(|(_, resource)| construct_path(stacks, resource).is_some());
        let left_out =
            is_of_cdk.then(|| if name.is_some() { Vec::new() } else { of_stack().unwrap_or_default() });
        Self { left_out, stack: name }
    }

    /// The name of a resource.
    pub(super) fn name<'t>(
        &self,
        stacks: &Stacks<'t>,
        stack: StackId,
        logical_id: &str,
        resource: &Expression<'t>,
    ) -> String {
        let of_construct = || {
            let path = construct_path(stacks, resource)?;
            let path: Vec<&str> = path.split('/').collect();
            let path = path.strip_suffix(&[RESOURCE]).unwrap_or(&path);
            let left_out = self.left_out.as_ref()?;
            let is_below =
                path.len() > left_out.len() && left_out.iter().zip(path).all(|(one, other)| one == other);
            let path = if is_below { &path[left_out.len()..] } else { path };
            Some(path.join("/")).filter(|name| !name.is_empty())
        };
        of_construct().unwrap_or_else(|| {
            let full_name = stacks.full_name(stack, logical_id);
            self.stack.as_ref().map(|stack| format!("{stack}/{full_name}")).unwrap_or(full_name)
        })
    }
}

/// The path of the construct that a resource belongs to.
pub(super) fn construct_path<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<String> {
    let metadata = stacks.get(resource, "Metadata").ok()??;
    let path = stacks.get(&metadata, "aws:cdk:path").ok()??;
    Some(stacks.text(&path).ok()??.text)
}

/// Whether a logical id is that of a path below a stack (aws-cdk-lib, `makeUniqueId`).
fn is_logical_id(logical_id: &str, path: &[&str]) -> bool {
    let path: Vec<_> = path.iter().filter(|part| **part != DEFAULT).collect();
    let letters = |part: &str| part.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    if let [part] = path[..] {
        return logical_id == letters(part);
    }
    let mut human = String::new();
    for part in path.into_iter().filter(|part| **part != RESOURCE) {
        if !human.ends_with(&letters(part)) || letters(part).is_empty() {
            human.push_str(&letters(part));
        }
    }
    let hash = logical_id.strip_prefix(&human).unwrap_or_default();
    hash.len() == HASH && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logical_ids_of_cdk_are_recognised() {
        for (logical_id, path) in [
            ("ApiHandler5E7490E8", "ApiHandler/Resource"),
            ("UsersHandlerD090BE9C", "Users/Handler/Resource"),
            ("Raw", "Raw"),
            ("CDKMetadata", "CDKMetadata/Default"),
            ("CertCertificateRequestorFunction98FDF273", "Cert/CertificateRequestorFunction/Resource"),
            ("ProvframeworkonEvent4D295293", "Prov/framework-onEvent/Resource"),
            (
                "NestedNestedStackNestedNestedStackResourceDEFDAA4D",
                "Nested.NestedStack/Nested.NestedStackResource",
            ),
        ] {
            let path: Vec<_> = path.split('/').collect();
            assert!(is_logical_id(logical_id, &path), "{logical_id}");
            let below_stack = [&["Shop"], &path[..]].concat();
            assert!(!is_logical_id(logical_id, &below_stack), "{logical_id}");
        }
        for (logical_id, path) in [
            ("ApiHandler5E7490E", "ApiHandler/Resource"),
            ("Own", "ApiHandler/Resource"),
            ("", ""),
            ("A", ""),
        ] {
            let path: Vec<_> = path.split('/').collect();
            assert!(!is_logical_id(logical_id, &path) || path == [logical_id], "{logical_id}");
        }
    }
}
