//! The page of `limg report` in a browser: it logs nothing, and axe-core finds no serious fault in it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Base, Workspace, base, repository, succeed, tool};

/// The version that `.ci/install` downloads.
const AXE: &str = "target/axe-core/4.14.1/axe.min.js";

/// The names of the colour schemes and their numbers in Chromium's settings.
const SCHEMES: [(&str, u8); 2] = [("dark", 0), ("light", 1)];

/// Writes what axe-core finds into the page.
const RUN_AXE: &str = "
addEventListener('load', async () => {
  const found = document.createElement('pre');
  found.id = 'found';
  const scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const { violations, passes } = await axe.run();
  const shown = violations.map(({ id, impact, nodes }) =>
    ({ id, impact, nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary]) }));
  found.textContent = btoa(unescape(encodeURIComponent(
    JSON.stringify({ scheme, passes: passes.map(({ id }) => id), violations: shown }))));
  document.body.append(found);
});
";

/// A project with a name that is markup, findings, duplicates and packages.
fn page(workspace: &Workspace) -> String {
    let image = base(Base::Python311);
    workspace.write(
        "limg.yaml",
        format!(
            "project: shop\n\
             bases: {{ python3.11: {{ image: \"oci:{}\" }} }}\n\
             layers: {{ utils: {{ path: utils }}, more: {{ path: more }} }}\n\
             extensions: {{ log: {{ path: log.sh, environment: {{ API_TOKEN: secret-word }} }} }}\n\
             functions:\n  \
               orders: {{ runtime: python3.11, handler: app.handler, code: code, layers: [utils, more], extensions: [log] }}\n  \
               bills: {{ runtime: python3.11, handler: gone.handler, code: code, layers: [utils] }}\n",
            image.display()
        ),
    );
    workspace.write("code/app.py", "def handler(event, context): pass\n");
    workspace.write("code/<img src=x onerror=alert(1)>.bin", vec![b'x'; 30_000_000]);
    workspace.write("utils/python/words.py", "x".repeat(40_000));
    workspace.write("utils/python/copy.py", "x".repeat(40_000));
    workspace.write("utils/python/six-1.0.dist-info/METADATA", "Name: six\nVersion: 1.0\n");
    workspace.write("utils/python/six.py", vec![b's'; 9_000_000]);
    workspace.write("more/python/words.py", "y");
    workspace.write_program("log.sh", "#!/bin/sh\nexec sleep 9\n");
    succeed(&mut workspace.limg(&["report", "-o", "report.html"]));
    std::fs::read_to_string(workspace.path("report.html")).unwrap()
}

/// The browser, with a folder of its own, that opens a page of this machine.
fn browser(workspace: &Workspace, scheme: u8, page: &Path, action: &str) -> Command {
    let mut browser = tool("chromium-headless-shell");
    browser.args(["--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=20000"]);
    browser.arg(format!("--user-data-dir={}", workspace.path("browser").display()));
    browser.arg(format!("--blink-settings=preferredColorScheme={scheme}"));
    browser.arg(action).arg(format!("file://{}", page.display()));
    browser
}

#[test]
#[ignore = "needs Chromium, axe-core and the open bases; `make test` runs it"]
fn the_page_of_a_project_is_accessible_and_logs_nothing() {
    let workspace = Workspace::new();
    let page = page(&workspace);
    assert!(!page.contains("secret-word") && page.contains("&lt;img src=x"));
    let axe = std::fs::read_to_string(repository().join(AXE))
        .unwrap_or_else(|error| panic!("{AXE}: {error}; run `.ci/install`, which downloads it"));
    let (before, policy) = page.split_once("<meta http-equiv=").unwrap();
    let (_, after) = policy.split_once('>').unwrap();
    let judged =
        format!("{before}{after}").replace("</body>", &format!("<script>{axe}{RUN_AXE}</script></body>"));
    let judged = workspace.write("judged.html", judged);
    for (name, scheme) in SCHEMES {
        let shown = succeed(&mut browser(&workspace, scheme, &workspace.path("report.html"), "--dump-dom"));
        assert!(shown.text().contains("<h1>Images of shop</h1>"), "{}", shown.text());
        // With a policy that forbids something in the page, or a script in it, there would be one.
        assert!(!shown.stderr.contains("CONSOLE"), "{}", shown.stderr);

        let found = succeed(&mut browser(&workspace, scheme, &judged, "--dump-dom")).text();
        let (_, found) = found.rsplit_once("<pre id=\"found\">").expect("axe-core has run");
        let found = found.split_once('<').unwrap().0;
        let found = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, found).unwrap();
        let found: Value = serde_json::from_slice(&found).unwrap();
        assert_eq!(found["scheme"], name);
        let passes = found["passes"].as_array().unwrap();
        for rule in ["color-contrast", "list", "region", "scrollable-region-focusable", "svg-img-alt"] {
            assert!(passes.contains(&rule.into()), "axe-core has not applied {rule}: {passes:?}");
        }
        let grave = |fault: &&Value| ["serious", "critical"].map(Value::from).contains(&fault["impact"]);
        let grave: Vec<_> = found["violations"].as_array().unwrap().iter().filter(grave).collect();
        assert!(grave.is_empty(), "{name}: {grave:#?}");
    }
}
