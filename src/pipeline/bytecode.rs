//! Adds the bytecode of Python sources to planned images, in layers of their own above the sources.
//!
//! Bytecode of limg's making is used whatever its source is. So a source that an upper layer replaces gets none here: its
//! successor does. Layers that functions of one version of Python share also share their bytecode.

use std::collections::{BTreeMap, BTreeSet};

use super::base::LoadedBase;
use super::base_python;
use super::context::Context;
use super::error::PipelineError;
use super::plan_images::Planned;
use crate::bytecode::{BasePython, Bytecode, BytecodeError, Compiler, PythonVersion, Request};
use crate::check;
use crate::files::{Overwrite, Owner};
use crate::finding::{Code, Finding, Help, Setting};
use crate::plan::{Compiled, ImagePlan, LayerPlan};
use crate::project::{Function, ImagePath};
use crate::runtime::Language;
use crate::shared::{Shared, SharedId};
use crate::text::count;
use crate::tree::Tree;

/// From how many sources without bytecode on limg says that compiling them helps: Python takes about a second for so many, if a
/// function imports all of them.
const MANY: usize = 200;

/// What the bytecode of a layer depends on: its tree, the version, and the sources that are not in the image.
type Key = (SharedId, PythonVersion, BTreeSet<ImagePath>);

/// Compiles what the plans ask for, and adds the results to them. Gives what is worth knowing.
pub(super) fn add(
    planned: &mut [Planned<'_>],
    mtime: u64,
    context: &Context,
) -> Result<Vec<Finding>, PipelineError> {
    let Context { programs, store, reporter, verify, .. } = context;
    let compiler = Compiler { programs, store, reporter, verify: *verify };
    let mut adder = Adder {
        compiler,
        context,
        mtime,
        known: BTreeMap::new(),
        counted: BTreeSet::new(),
        findings: Vec::new(),
    };
    for planned in planned {
        let runtime = &planned.function.base.contract;
        if Language::of(runtime) == Some(Language::Python) {
            adder.add(&mut planned.plan, planned.function, planned.base)?;
            if let Some(error) = check::image_too_large(planned.function, &planned.plan, planned.base.size) {
                return Err(PipelineError::Findings(vec![error]));
            }
        }
    }
    Ok(adder.findings)
}

struct Adder<'a> {
    compiler: Compiler<'a>,
    context: &'a Context,
    mtime: u64,
    known: BTreeMap<Key, Shared<Tree>>,
    /// The trees whose sources without bytecode have been counted.
    counted: BTreeSet<(SharedId, PythonVersion)>,
    findings: Vec<Finding>,
}

impl Adder<'_> {
    fn add(
        &mut self,
        plan: &mut ImagePlan<'_>,
        function: &Function,
        base: &LoadedBase,
    ) -> Result<(), PipelineError> {
        let runtime = &function.base.contract;
        let version = PythonVersion::of(runtime);
        let mut layers = Vec::new();
        for layer in std::mem::take(&mut plan.layers) {
            let bytecode = match (&layer.compiled, version) {
                (Compiled::All | Compiled::Installed(_), Some(version)) => {
                    let is_hidden = |overwrite: &&Overwrite| overwrite.loser == layer.name;
                    let hidden = plan.merge.overwrites.iter().filter(is_hidden);
                    let hidden = hidden.map(|overwrite| overwrite.path.clone()).collect();
                    self.of_layer(&layer, version, hidden, (function, base))?
                }
                (Compiled::All, None) => {
                    let source = BytecodeError::UnknownVersion(runtime.clone());
                    return Err(PipelineError::Bytecode { name: layer.name, source });
                }
                (Compiled::Unset, Some(version)) => {
                    self.suggest(&layer, version);
                    None
                }
                _ => None,
            };
            let above = bytecode.map(|tree| {
                let name = format!("bytecode of {}", layer.name);
                LayerPlan::new(Owner { name, place: layer.place.clone() }, tree)
            });
            layers.push(layer);
            layers.extend(above);
        }
        plan.layers = layers;
        Ok(())
    }

    /// The bytecode of a layer, if it has any.
    fn of_layer(
        &mut self,
        layer: &LayerPlan,
        version: PythonVersion,
        hidden: BTreeSet<ImagePath>,
        of: (&Function, &LoadedBase),
    ) -> Result<Option<Shared<Tree>>, PipelineError> {
        let key = (layer.tree.id(), version, hidden);
        if let Some(known) = self.known.get(&key) {
            return Ok(Some(known.clone()).filter(|tree| !tree.is_empty()));
        }
        let chosen = match &layer.compiled {
            Compiled::Installed(paths) => paths.as_deref(),
            Compiled::All | Compiled::None | Compiled::Unset => None,
        };
        let is_wanted =
            |path: &ImagePath| !key.2.contains(path) && chosen.is_none_or(|chosen| chosen.contains(path));
        let request = Request {
            name: &layer.name,
            tree: &layer.tree,
            version,
            mtime: self.mtime,
            is_wanted: &is_wanted,
            base: self.context.base_programs.python(of.0.architecture),
            unpacked: None,
        };
        let Bytecode { tree, failed } = self.compile(request, of)?;
        if let Some((first, why)) = failed.first() {
            self.warn_of_failed(layer, failed.len(), first, why);
        }
        let tree = Shared::new(tree);
        self.known.insert(key, tree.clone());
        Ok(Some(tree).filter(|tree| !tree.is_empty()))
    }

    /// Compiles with a Python of this machine, or else with that of the base if the user allows it.
    fn compile(
        &mut self,
        request: Request<'_>,
        (function, base): (&Function, &LoadedBase),
    ) -> Result<Bytecode, PipelineError> {
        let (name, version) = (request.name, request.version);
        let unpacked = self.context.base_programs.unpacked(base.image.config_digest(), version);
        let request = Request { unpacked: unpacked.as_ref(), ..request };
        let failed = |source| PipelineError::Bytecode { name: name.to_owned(), source };
        match self.compiler.compile(&request) {
            Err(BytecodeError::NoInterpreter { base: BasePython::Allowed, .. }) => {}
            other => return other.map_err(failed),
        }
        let python = base_python::unpack(base, version, function.architecture, name, self.context)?;
        let message = format!(
            "{python} ran on this machine to compile Python sources, as `--allow-base-programs` allows"
        );
        let finding = Finding::warning(Code::BaseProgram, function.base.place.clone(), message);
        let install = format!("install another one with `uv python install {version}`");
        self.warn(finding.help(Help::from(install)));
        self.compiler.compile(&Request { unpacked: Some(&python), ..request }).map_err(failed)
    }

    fn warn_of_failed(&mut self, layer: &LayerPlan, number: usize, first: &ImagePath, why: &str) {
        let verb = if number == 1 { "does" } else { "do" };
        let message = format!(
            "{} of the {} {verb} not compile and {verb} not get bytecode, such as `{first}`: {why}",
            count(number, "Python source"),
            layer.name,
        );
        let exclude = if number == 1 { Setting::Exclude } else { Setting::ExcludeSeveral };
        let help = Help::from("correct it if the function imports it").or(exclude);
        self.warn(Finding::warning(Code::UncompilableSource, layer.place.clone(), message).help(help));
    }

    /// Says that compiling a layer would help, if it would help noticeably.
    fn suggest(&mut self, layer: &LayerPlan, version: PythonVersion) {
        if !self.counted.insert((layer.tree.id(), version)) {
            return;
        }
        let bytecode = format!(".{}.pyc", version.tag());
        let names = |end: &str| layer.tree.iter().filter(|(path, _)| path.as_str().ends_with(end)).count();
        let sources = names(".py");
        let uncompiled = if sources < MANY { 0 } else { sources.saturating_sub(names(&bytecode)) };
        if uncompiled >= MANY {
            let message = format!(
                "the {} has {} without bytecode, which Python compiles again at every cold start",
                layer.name,
                count(uncompiled, "source"),
            );
            let finding = Finding::warning(Code::MissingBytecode, layer.place.clone(), message);
            self.warn(finding.help(Setting::CompileBytecode));
        }
    }

    fn warn(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}
