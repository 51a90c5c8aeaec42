//! Python packages in several folders of the search path.

use super::*;

/// A function with these files of code and of a layer.
fn function(code: &[&str], layer: &[&str]) -> Fixture {
    let code: Vec<&str> = ["/var/task/app.py"].iter().chain(code).copied().collect();
    Fixture::new("python3.12").layer("shared", layer).code(&code)
}

#[test]
fn modules_that_another_package_hides_are_reported() {
    let code = &["/var/task/shop/__init__.py", "/var/task/shop/orders.py"];
    let layer = &["/opt/python/shop/money.py", "/opt/python/shop/tax/rates.py"];
    let warning = function(code, layer).warning(Code::SplitPackage);
    assert!(
        warning.starts_with(
            "the layer `shared` has `shop.money`, `shop.tax` in `/opt/python`, which Python does not find: it uses the \
             package `shop` in `/var/task`; rename"
        ),
        "{warning}"
    );
    // The first folder has no `__init__.py`, so Python goes on to the next.
    let code = &["/var/task/shop/orders.py"];
    let layer = &["/opt/python/shop/__init__.py", "/opt/python/shop/money.py"];
    let warning = function(code, layer).warning(Code::SplitPackage);
    assert!(warning.contains("has `shop.orders` in `/var/task`"), "{warning}");
    let site = "/opt/python/lib/python3.12/site-packages/shop";
    let (initial, module) = (format!("{site}/__init__.py"), format!("{site}/a.py"));
    let in_layer = function(&[], &[&initial, &module, "/opt/python/shop/b.py"]).warning(Code::SplitPackage);
    assert!(in_layer.contains("has `shop.b` in `/opt/python`"), "{in_layer}");
}

#[test]
fn parts_that_python_joins_are_fine() {
    for (code, layer) in [
        // Namespace packages.
        (&["/var/task/shop/orders.py"][..], &["/opt/python/shop/money.py"][..]),
        (
            &[
                "/var/task/shop/__init__.py=__path__ = __import__('pkgutil').extend_path(__path__, __name__)",
                "/var/task/shop/a.py",
            ],
            &["/opt/python/shop/b.py"],
        ),
        // Two copies of one package.
        (
            &["/var/task/shop/__init__.py", "/var/task/shop/a.py", "/var/task/shop/b.py"],
            &["/opt/python/shop/__init__.py", "/opt/python/shop/a.py", "/opt/python/shop/c.py"],
        ),
        // What functions do not import, and what is not a module.
        (&["/var/task/tests/__init__.py", "/var/task/tests/a.py"], &["/opt/python/tests/b.py"]),
        (&["/var/task/shop/__init__.py", "/var/task/shop/a.py"], &["/opt/python/shop/b.json"]),
        // Both layers have one folder.
        (&[], &["/opt/python/shop/__init__.py", "/opt/python/shop/a.py"]),
    ] {
        assert_eq!(function(code, layer).warnings(), [], "{code:?} {layer:?}");
    }
}
