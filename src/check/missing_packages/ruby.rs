//! Gems of a `Gemfile` (Bundler documentation, gemfile(5)).

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Subject, finding, named, shown, text};
use crate::finding::Finding;
use crate::project::SourceKind;
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::TreeError;

/// Beginnings of the names of gems that AWS's bases contain: the AWS SDK, with what it depends on (Lambda developer guide,
/// lambda-ruby).
const GIVEN_STARTS: [&str; 3] = ["aws-", "aws_lambda_ric", "jmespath"];

/// Gems that come with Ruby (Ruby documentation, Default gems and bundled gems).
const OF_RUBY: &[&str] = &[
    "base64",
    "benchmark",
    "bigdecimal",
    "bundler",
    "cgi",
    "csv",
    "date",
    "debug",
    "delegate",
    "did_you_mean",
    "digest",
    "drb",
    "erb",
    "error_highlight",
    "etc",
    "fcntl",
    "fiddle",
    "fileutils",
    "find",
    "forwardable",
    "getoptlong",
    "io-console",
    "io-nonblock",
    "io-wait",
    "ipaddr",
    "irb",
    "json",
    "logger",
    "matrix",
    "minitest",
    "mutex_m",
    "net-ftp",
    "net-http",
    "net-imap",
    "net-pop",
    "net-protocol",
    "net-smtp",
    "nkf",
    "observer",
    "open-uri",
    "open3",
    "openssl",
    "optparse",
    "ostruct",
    "pathname",
    "power_assert",
    "pp",
    "prettyprint",
    "prime",
    "pstore",
    "psych",
    "racc",
    "rake",
    "rbs",
    "rdoc",
    "readline",
    "reline",
    "resolv",
    "rexml",
    "rinda",
    "rss",
    "securerandom",
    "set",
    "shellwords",
    "singleton",
    "stringio",
    "strscan",
    "syslog",
    "tempfile",
    "test-unit",
    "time",
    "timeout",
    "tmpdir",
    "tsort",
    "typeprof",
    "un",
    "uri",
    "weakref",
    "yaml",
    "zlib",
];

/// Groups whose gems a deployed function does not need.
const OF_DEVELOPMENT: [&str; 2] = ["development", "test"];

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Some(code) = subject.sources().find(|source| source.is_code) else { return Ok(Vec::new()) };
    let Some(list) = text(&code, &format!("{TASK_ROOT}/Gemfile"))? else { return Ok(Vec::new()) };
    let is_given = |name: &String| {
        OF_RUBY.contains(&name.as_str()) || GIVEN_STARTS.iter().any(|start| name.starts_with(start))
    };
    let listed: Vec<_> = gems(&list).into_iter().filter(|name| !is_given(name)).collect();
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let installed = installed(subject);
    let is_missing = |name: &String| {
        let rest = |gem: &String| gem.strip_prefix(name.as_str())?.strip_prefix('-').map(str::to_owned);
        !installed.iter().filter_map(rest).any(|rest| is_version(&rest))
    };
    let missing: Vec<_> = listed.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let message = format!(
        "`Gemfile` of {} lists {}, which neither the code nor a layer contains",
        code.name,
        named(&missing)
    );
    let command = "bundle config set --local path vendor/bundle && bundle install";
    let path = code.files.map_or_else(PathBuf::new, |files| files.path.clone());
    let help = if code.files.is_some_and(|files| files.kind == SourceKind::Directory) {
        format!("run `{command}` in `{}`", shown(&path, code.place))
    } else {
        format!("run `{command}` in the folder that the archive is created from")
    };
    Ok(vec![finding(subject, &code, message, help)])
}

/// Whether the end of a folder's name is a version, or the beginning of a commit of Git.
fn is_version(rest: &str) -> bool {
    let is_commit = rest.len() >= 7 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit || rest.starts_with(|first: char| first.is_ascii_digit())
}

/// The names of installed gems with their versions, such as `rack-3.0.8`: those of the code for each version of Ruby, of
/// layers, and of the base.
fn installed(subject: &Subject<'_>) -> BTreeSet<String> {
    let merged = &subject.plan.merged;
    let below = |folder: String| merged.children(&folder).into_iter().map(|path| path.to_string());
    let versions = [format!("{TASK_ROOT}/vendor/bundle/ruby"), format!("{LAYER_ROOT}/ruby/gems")];
    let homes = versions.into_iter().flat_map(below);
    let homes = homes.chain(subject.contract.search_path("GEM_PATH").map(str::to_owned));
    // Gems from Git are in a folder of their own.
    let folders = homes.flat_map(|home| [format!("{home}/gems"), format!("{home}/bundler/gems")]);
    let name = |path: String| path.rsplit('/').next().map(str::to_owned);
    folders.flat_map(below).filter_map(name).collect()
}

/// The gems that a list requires in production.
fn gems(list: &str) -> Vec<String> {
    let mut gems = Vec::new();
    // For each block that is open, whether its gems are left out.
    let mut blocks: Vec<bool> = Vec::new();
    for line in list.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let words: Vec<&str> =
            line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
        let is_of_development = words.iter().any(|word| OF_DEVELOPMENT.contains(word));
        match words.first() {
            Some(&"end") => {
                blocks.pop();
            }
            Some(&"group") => blocks.push(is_of_development && !words.contains(&"default")),
            // Whether these hold, only Bundler knows.
            Some(&("if" | "unless" | "install_if" | "platforms" | "platform")) => blocks.push(true),
            Some(&"gem") if !blocks.contains(&true) => {
                let is_grouped = line.contains("group") && is_of_development;
                let rest = line["gem".len()..].trim_start_matches(['(', ' ', '\t']);
                let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''));
                let name = quote.and_then(|quote| rest[1..].split(quote).next());
                let is_conditional =
                    ["platform", " if ", " unless ", "install_if"].iter().any(|word| line.contains(word));
                if let Some(name) = name.filter(|name| !name.is_empty() && !is_grouped && !is_conditional) {
                    gems.push(name.to_owned());
                }
            }
            _ if line.ends_with(" do") || words.contains(&"do") => blocks.push(false),
            _ => {}
        }
    }
    gems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gems_of_production_are_read() {
        let list = "source 'https://rubygems.org' do\n  gem 'rack' # web\nend\ngem \"pg\", '~> 1.5'\ngem('redis')\n\
            group :development, :test do\n  gem 'rspec'\nend\ngroup :production do\n  gem 'puma'\nend\n\
            gem 'rubocop', group: :development\ngem 'pry', groups: [:test]\ngem 'tzinfo', platforms: [:windows]\n\
            # gem 'old'\nif ENV['X']\n  gem 'x'\nend\ngem\ngem ''\ngem 'faraday'\n";
        assert_eq!(gems(list), ["rack", "pg", "redis", "puma", "faraday"]);
    }

    proptest::proptest! {
        #[test]
        fn any_list_is_read(list in "(gem|group|end| do|['\"(:#\n a,ä]){0,60}") {
            for gem in gems(&list) {
                proptest::prop_assert!(list.contains(&gem));
            }
        }
    }
}
