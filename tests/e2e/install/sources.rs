//! Packages that are left to the base image, and packages that have no wheel.

use serde_json::json;

use super::{installed, limg, project};
use crate::support::{fails, succeed};

/// A package that has never had a wheel, and needs nothing.
const DOCOPT: &str = "docopt==0.6.2\n";

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn a_package_without_a_wheel_is_built_only_if_that_is_allowed() {
    let workspace = project(&json!(true));
    workspace.write("code/requirements.txt", DOCOPT);
    for has_uv in [true, false] {
        let stderr = fails(2, &mut limg(&workspace, &["build"], has_uv)).stderr;
        assert!(stderr.contains("`--allow-source`, which runs its code"), "{stderr}");
    }
    let built = succeed(&mut limg(&workspace, &["build", "--allow-source"], true)).stderr;
    assert!(
        built.contains("built from source, which ran code of the packages on this machine: `docopt`"),
        "{built}"
    );
    assert!(installed(&workspace).iter().any(|name| name == "docopt.py"));
    // Its wheel is in the store: no tool runs again.
    let mut again = workspace.limg(&["build", "--allow-source", "--locked"]);
    let again = succeed(again.env("PATH", "/nowhere")).stderr;
    assert!(again.contains("[built-from-source]") && !again.contains("running"), "{again}");
    // The definition may allow it as well.
    let workspace = project(&json!({ "allow_source": true }));
    workspace.write("code/requirements.txt", DOCOPT);
    succeed(&mut limg(&workspace, &["build"], true));
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn compiled_code_of_another_machine_is_not_built() {
    let workspace = project(&json!({ "allow_source": true }));
    // All of its wheels are compiled, and for newer machines.
    workspace.write("code/requirements.txt", "numpy==2.4.6\n");
    let stderr = fails(2, &mut limg(&workspace, &["build"], true)).stderr;
    assert!(stderr.contains("numpy cannot be built from source for Python 3.11"), "{stderr}");
    assert!(stderr.contains("it has compiled code, and ") && !stderr.contains("pip wheel"), "{stderr}");
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn what_the_base_has_is_left_to_it() {
    let workspace = project(&json!({ "base_provides": true }));
    workspace.write("code/requirements.txt", "simplejson\nsix\n");
    let stderr = succeed(&mut limg(&workspace, &["build"], true)).stderr;
    assert!(stderr.contains("left simplejson "), "{stderr}");
    let names = installed(&workspace);
    assert!(names.iter().any(|name| name == "six.py"), "{names:?}");
    assert!(!names.iter().any(|name| name == "simplejson"), "{names:?}");
}
