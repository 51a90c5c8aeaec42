//! Pages about images that exist only as values.

use super::*;
use crate::files::{FileState, Hiding, ImageFiles};
use crate::inspect::{
    Amount, Duplicate, FileEntry, Hidden, LayerFacts, LayersView, Package, SeenFile, TotalSize, WholeImage,
};
use crate::project::{Architecture, RunConfig};
use crate::store::Digest;

const HOSTILE: &str = "</script></title><img src=x onerror=alert(1)>\"'&\u{202e}";

fn layer(number: u32, name: &str, made_by: &'static str) -> LayerFacts {
    LayerFacts {
        number,
        name: name.to_owned(),
        made_by,
        digest: Digest::of(name.as_bytes()),
        diff_id: Digest::of(b""),
        size: 1000,
        uncompressed_size: 3000,
        files: 1,
        deletes: 0,
    }
}

fn file(path: &str, layer: u32, size: u64) -> SeenFile {
    SeenFile { path: path.to_owned(), layer, size, package: None }
}

fn whole(layers: Vec<LayerFacts>, files: Vec<SeenFile>) -> WholeImage {
    let amount = Amount { files: files.len() as u64, size: files.iter().map(|file| file.size).sum() };
    WholeImage {
        layers: LayersView {
            entrypoint: None,
            command: None,
            working_directory: None,
            total: TotalSize {
                size: 1000 * layers.len() as u64,
                uncompressed_size: 3000 * layers.len() as u64,
            },
            layers,
            image: amount,
            hidden: Amount::default(),
        },
        files,
        packages: Vec::new(),
        overwritten: Vec::new(),
        duplicates: Vec::new(),
    }
}

fn report(name: &str, image: WholeImage, run: &RunConfig) -> ImageReport {
    let identity = ImageIdentity {
        name: name.to_owned(),
        base: Some("registry.example.com/base".to_owned()),
        digest: None,
        config_digest: Digest::of(name.as_bytes()),
        architecture: Architecture::X86_64,
    };
    ImageReport::new(identity, image, run, &ImageFiles::default())
}

#[test]
fn layers_that_are_new_since_the_last_push_are_marked() {
    let mut image = whole(vec![layer(1, "system", "base"), layer(2, "code of a", "code")], Vec::new());
    image.layers.layers[1].diff_id = Digest::of(b"changed");
    let mut report = report("a", image, &RunConfig::default());
    let marks =
        |report: &ImageReport| page(None, std::slice::from_ref(report)).matches("class=\"new\"").count();
    assert_eq!(marks(&report), 0, "what was pushed is not known");
    report.pushed_layers = Some([Digest::of(b"").to_string()].into());
    assert_eq!(marks(&report), 1);
    assert!(
        page(None, &[report]).contains("<dt>New since the last push</dt><dd class=\"large\">1.0 kB</dd>")
    );
}

#[test]
fn nothing_from_an_image_is_markup() {
    let layers = vec![layer(1, HOSTILE, "base"), layer(2, HOSTILE, "layer")];
    let mut image = whole(layers, vec![file(&format!("/var/{HOSTILE}/{HOSTILE}"), 1, 5), file("/a", 2, 9)]);
    image.packages.push(Package {
        language: "python",
        name: HOSTILE.to_owned(),
        version: Some(HOSTILE.to_owned()),
        path: HOSTILE.to_owned(),
        amount: Amount { files: 1, size: 9 },
    });
    image.files[1].package = Some(0);
    image.overwritten.push(FileEntry {
        path: HOSTILE.to_owned(),
        layer: 1,
        state: FileState::File { mode: 0o644, size: 1 },
        hidden: Some(Hidden { by_layer: 2, how: Hiding::Replaced }),
    });
    let paths = vec![HOSTILE.to_owned(); 2];
    image.duplicates.push(Duplicate { size: 1, paths, copies: 2, highest_layer: 2 });
    let words = || Some(vec![HOSTILE.to_owned()]);
    let run = RunConfig {
        environment: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        entrypoint: words(),
        command: words(),
        ..RunConfig::default()
    };
    let mut image = report(HOSTILE, image, &run);
    let text = || Some(HOSTILE.to_owned());
    image.base = text();
    image.findings.shown.push(ReportedFinding {
        is_error: true,
        code: HOSTILE.to_owned(),
        message: HOSTILE.to_owned(),
        place: text(),
        help: text(),
    });
    let page = page(Some(HOSTILE), &[image]);
    assert!(page.matches("&lt;img src=x").count() > 25, "{page}");
    for part in ["<img", "</script", "\u{202e}", "onerror=alert(1)>", "<script"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    // A quotation mark would end an attribute.
    assert!(!page.contains("alert(1)&gt;\""), "{page}");
}

#[test]
fn secrets_are_not_in_the_page() {
    let run = RunConfig {
        environment: [("DB_PASSWORD", "hunter2"), ("STAGE", "dev-eu")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        entrypoint: Some(vec!["/main".to_owned(), "--token=AKIAIOSFODNN7EXAMPLE".to_owned()]),
        ..RunConfig::default()
    };
    let layers = vec![layer(1, "RUN |1 API_TOKEN=hunter2 /bin/sh -c make", "RUN")];
    let page = page(None, &[report("x", whole(layers, vec![file("/a", 1, 1)]), &run)]);
    for part in ["hunter2", "AKIAIOSFODNN7EXAMPLE"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    for part in ["DB_PASSWORD", "dev-eu", "looks like a secret", "API_TOKEN=***"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn small_files_are_summed_and_all_bytes_count() {
    let layers = vec![layer(1, "os", "RUN"), layer(2, "code of x", "code")];
    let mut files =
        vec![file("/usr/lib/deep/down/large.so", 1, 500_000), file("/var/task/app.py", 2, 20_000)];
    files.extend((0..1000).map(|number| file(&format!("/usr/share/{number:04}"), 1, 100)));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let image = report("x", whole(layers, files), &RunConfig::default());
    let shape = |nodes: &[size_tree::Node]| {
        nodes.iter().map(|node| (node.name.clone(), node.amount.files, node.amount.size)).collect::<Vec<_>>()
    };
    assert_eq!(shape(&image.tree), [("os".to_owned(), 1001, 600_000), ("code of x".to_owned(), 1, 20_000)]);
    let usr = &image.tree[0].children;
    assert_eq!(shape(usr), [("usr".to_owned(), 1001, 600_000)]);
    let inside = [("lib/deep/down/large.so".to_owned(), 1, 500_000), ("share".to_owned(), 1000, 100_000)];
    assert_eq!(shape(&usr[0].children), inside);
    assert_eq!(usr[0].children[1].children, [], "no file of it is large enough");
}

#[test]
fn a_page_about_forty_thousand_files_is_small() {
    let layers = (1..=12).map(|number| layer(number, &format!("layer {number}"), "layer")).collect();
    let files = (0..40_000_u64).map(|number| {
        let path =
            format!("/opt/python/package{:03}/module{:02}/file{number:05}.py", number % 400, number % 23);
        let position = usize::try_from(number % 400).ok().filter(|package| package % 2 == 0);
        SeenFile {
            path,
            layer: 1 + u32::try_from(number % 12).unwrap(),
            size: 50 + number % 9000,
            package: position,
        }
    });
    let mut files: Vec<_> = files.collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut image = whole(layers, files);
    let package = |number: u64| Package {
        language: "python",
        name: format!("package{number:03}"),
        version: Some("1.0".to_owned()),
        path: format!("/opt/python/package{number:03}-1.0.dist-info"),
        amount: Amount { files: 100, size: 450_000 },
    };
    image.packages = (0..400).map(package).collect();
    let page = page(Some("large"), &[report("x", image, &RunConfig::default())]);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn the_overview_counts_shared_layers_once() {
    let image = |name: &str, own: &str| {
        let layers = vec![layer(1, "os", "base"), layer(2, own, "code")];
        report(name, whole(layers, vec![file("/a", 1, 10)]), &RunConfig::default())
    };
    let page = page(Some("shop"), &[image("orders", "one"), image("bills", "two")]);
    for part in [
        "<title>Images of shop</title>",
        "<a href=\"#function-bills\">bills</a>",
        "<section class=\"image\" id=\"function-bills\"",
        "To store, each layer once</dt><dd class=\"large\">3.0 kB</dd>",
        "Without shared layers</dt><dd class=\"large\">4.0 kB</dd>",
        "<td class=\"number\">1 (1.0 kB)</td>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn the_policy_allows_the_style_sheet_alone() {
    let page = page(None, &[]);
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        <sha2::Sha256 as sha2::Digest>::digest(style),
    );
    assert!(page.contains(&format!("content=\"default-src 'none'; style-src 'sha256-{hash}';")), "{page}");
    assert!(!style.contains("url(") && !page.contains("style=\"") && !page.contains("http://"), "{page}");
}
