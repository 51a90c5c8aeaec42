//! Options that change a function's container: variables, network, ports, images, a shell.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Project, Running};
use crate::support::{Finished, docker, fails, finish, succeed, tool};

/// A free port of this machine.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A network of the engine. Dropping this removes it.
struct Network(String);

impl Network {
    fn create(name: &str) -> Self {
        succeed(docker().args(["network", "create", name]));
        Self(name.to_owned())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _removed = finish(docker().args(["network", "rm", &self.0]));
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_file_of_variables_is_overridden_by_the_command_line() {
    let project = Project::python();
    project
        .workspace
        .write("dev.env", "\u{feff}# of this machine\r\nSTYLE=whispered\r\nCOPIED\r\nSECRET=hushed\r\n");
    let variables = |arguments: &[&str]| {
        let mut limg = project.limg(&["variables", "-v", "--env-file", "dev.env"]);
        let invoked = succeed(limg.args(arguments).env("COPIED", "copied"));
        assert!(!invoked.stderr.contains("hushed"), "{}", invoked.stderr);
        invoked.json()
    };
    let all = variables(&[]);
    assert_eq!((&all["STYLE"], &all["COPIED"]), (&json!("whispered"), &json!("copied")));
    assert_eq!(all["SECRET"], "hushed");
    assert_eq!(variables(&["--env", "STYLE=loud"])["STYLE"], "loud");
    project.leaves_nothing();
}

/// Runs limg in a terminal.
fn on_terminal(limg: &Command) -> Command {
    let words: Vec<_> = [limg.get_program()].into_iter().chain(limg.get_args()).collect();
    let mut script = tool("script");
    script.args(["-qec", words.join(OsStr::new(" ")).to_str().unwrap(), "/dev/null"]).env_clear();
    script.envs(limg.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.current_dir(limg.get_current_dir().unwrap());
    script
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_does_not_control_the_terminal() {
    let project = Project::python();
    let (printed, shown) =
        ("\x1b]0;title\x07\x1b[31mred\x1b[0m\u{202e}", "\\u{1b}]0;title\\u{7}\x1b[31mred\x1b[0m\\u{202e}");
    let terminal = succeed(&mut on_terminal(&project.limg(&["paint"]))).text();
    assert!(terminal.contains(shown) && !terminal.contains(printed), "{terminal:?}");
    let raw = succeed(&mut on_terminal(&project.limg(&["paint", "--raw"]))).text();
    assert!(raw.contains(printed), "{raw:?}");
    let piped = succeed(&mut project.limg(&["paint"])).stderr;
    assert!(piped.contains(printed), "{piped:?}");
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_joins_a_network_and_resolves_added_hosts() {
    let project = Project::python();
    let network = Network::create(&project.docker.prefix);
    project.load("resolve");
    let image = project.docker.name("resolve");
    let peer = ["run", "--detach", "--network", &network.0, "--network-alias", "db", "--entrypoint", "sleep"];
    let peer = succeed(docker().args(peer).args([&image, "600"])).text();
    let options =
        ["--network", &network.0, "--add-host", "queue:10.1.2.3", "--add-host", "here:host-gateway"];
    let event = json!(["db", "queue", "here", "sandbox"]).to_string();
    let found = succeed(project.limg(&["resolve", "-e", &event]).args(options)).json();
    succeed(docker().args(["rm", "--force", peer.trim()]));
    let ips: Vec<&str> = found.as_array().unwrap().iter().map(|ip| ip.as_str().unwrap()).collect();
    assert!(ips[0].starts_with("172.") || ips[0].starts_with("192.168."), "{found}");
    assert_eq!((ips[1], ips[3]), ("10.1.2.3", "127.0.0.1"));
    assert_ne!(ips[2], "", "{found}");

    let missing = fails(2, &mut project.limg(&["resolve", "--network", "not-there"]));
    assert!(missing.stderr.contains("has no network `not-there`"), "{}", missing.stderr);
    for refused in [["--network", "host"], ["--add-host", "queue"], ["--publish", "http"]] {
        fails(2, project.limg(&["resolve"]).args(refused));
    }
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker, curl and the open bases; `make test` runs it"]
fn another_port_of_the_function_is_published() {
    let project = Project::python();
    let port = free_port();
    let publish = format!("{port}:8080");
    let mut limg =
        Running::start(&mut project.limg(&["serve", "--port", "0", "-e", "8080", "--publish", &publish]));
    let _log = limg.wait_for_words("`serve` runs until Ctrl-C");
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(succeed(tool("curl").args(["-sS", "--noproxy", "*", &url])).text(), "hello from the function");
    limg.signal("INT");
    assert_eq!(limg.end().0, Some(0));
    project.leaves_nothing();
}

/// The ids of the project's images, with and without names.
pub(super) fn images(project: &Project) -> Vec<String> {
    let filter = format!("label=limg.project={}", project.docker.prefix);
    let ids = succeed(docker().args(["images", "--quiet", "--no-trunc", "--filter", &filter])).text();
    let mut ids: Vec<_> = ids.lines().map(str::to_owned).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_image_of_an_older_version_is_removed_unless_it_is_used() {
    let project = Project::python();
    let invoke = |version: &str| {
        project.workspace.write("code/version.py", format!("VERSION = '{version}'\n"));
        succeed(&mut project.limg(&["count"]));
        project.docker.inspect("count")["Id"].as_str().unwrap().to_owned()
    };
    let first = invoke("first");
    let second = invoke("second");
    assert_ne!(first, second);
    assert_eq!(images(&project), std::slice::from_ref(&second));

    // Another function of the project keeps its image, and so do those with a name and those of a container.
    succeed(&mut project.limg(&["facts"]));
    assert_eq!(images(&project).len(), 2);
    succeed(docker().args(["tag", &second, &project.docker.name("kept")]));
    let third = invoke("third");
    let container = succeed(docker().args(["create", &third])).text();
    let fourth = invoke("fourth");
    let all = images(&project);
    assert!(all.len() == 4 && [&second, &third, &fourth].iter().all(|id| all.contains(id)), "{all:?}");
    succeed(docker().args(["rm", container.trim()]));
    invoke("fifth");
    assert_eq!(images(&project).len(), 3);
}

/// Runs a shell with these commands as input.
fn shell(project: &Project, arguments: &[&str], commands: &str) -> Finished {
    let mut limg = project.limg(&["facts", "--shell"]);
    limg.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut limg = limg.spawn().unwrap();
    limg.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    let output = limg.wait_with_output().unwrap();
    project.leaves_nothing();
    Finished {
        code: output.status.code().unwrap(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_shell_has_the_files_variables_and_limits_of_the_function() {
    let project = Project::python();
    let commands = "id -u; pwd; ls app.py; echo \"$STYLE\"; echo to-stderr >&2; touch /var/task/x; touch /tmp/x && exit 7\n";
    for (arguments, user) in [(&[][..], "0"), (&["--as-lambda"], "993")] {
        let finished = shell(&project, arguments, commands);
        let expected = format!("{user}\n/var/task\napp.py\n{}\n", project.docker.prefix);
        assert_eq!((finished.code, finished.text()), (7, expected), "{}", finished.stderr);
        for words in ["to-stderr", "Read-only file system"] {
            assert!(finished.stderr.contains(words), "{words:?} is not in\n{}", finished.stderr);
        }
    }
    // The end of the input is that of the shell.
    assert_eq!(shell(&project, &[], "echo x\n").code, 0);
}

#[test]
#[ignore = "needs Docker, `script` and the open bases; `make test` runs it"]
fn a_shell_on_a_terminal_is_interactive() {
    let project = Project::python();
    let limg = project.limg(&[]);
    let command = format!("stty rows 33 cols 99; {} invoke facts --shell", limg.get_program().display());
    let mut script = tool("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(project.workspace.path("."));
    for (name, value) in limg.get_envs() {
        script.env(name, value.unwrap());
    }
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut keyboard = script.stdin.take().unwrap();
    // The size arrives after the shell has started.
    keyboard.write_all(b"sleep 2; tty; stty size; exit 9\r").unwrap();
    let output = script.wait_with_output().unwrap();
    drop(keyboard);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(9), "{text}");
    assert!(text.contains("/dev/") && text.contains("33 99"), "{text}");
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker; `make test` runs it"]
fn an_image_without_a_shell_says_so() {
    let project = Project::script("#!/nothing\n");
    let emulator = crate::support::emulator().display().to_string();
    let failed = fails(2, &mut project.limg(&["f", "--shell", "--rie", &emulator]));
    assert!(failed.stderr.contains("error: the image of `f` has no shell"), "{}", failed.stderr);
    project.leaves_nothing();
}
