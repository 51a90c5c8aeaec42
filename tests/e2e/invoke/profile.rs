//! The credentials of a profile in a function: keys, a role, a session of IAM Identity Center.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use super::Project;
use crate::support::{fails, succeed, tool};

/// The credentials that a function finds with the profile `dev`.
fn credentials(project: &Project, configuration: &str, variables: &[(&str, &str)]) -> [Value; 4] {
    project.workspace.write("home/.aws/config", configuration);
    let mut limg = project.limg(&["variables", "-v", "--profile", "dev"]);
    // Those of the environment must not be mixed with the profile's.
    limg.env("AWS_ACCESS_KEY_ID", "OTHER")
        .env("AWS_SECRET_ACCESS_KEY", "other")
        .env("AWS_SESSION_TOKEN", "other");
    let invoked = succeed(limg.env("AWS_EC2_METADATA_DISABLED", "true").envs(variables.iter().copied()));
    let mut found = invoked.json();
    for name in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        let secret = found[name].as_str().unwrap();
        assert!(
            secret.is_empty() || !invoked.stderr.contains(secret),
            "{name} is shown in\n{}",
            invoked.stderr
        );
    }
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"]
        .map(|name| found[name].take())
}

#[test]
#[ignore = "needs Docker, moto and the open bases; `make test` runs it"]
fn a_function_gets_the_credentials_of_a_profile() {
    let project = Project::python();
    let keys = "aws_access_key_id = AKIDPROFILE\naws_secret_access_key = hushhush\n";
    // The emulator sets an empty token if there is none.
    let found = credentials(&project, &format!("[profile dev]\nregion = eu-west-3\n{keys}"), &[]);
    assert_eq!(found, [json!("AKIDPROFILE"), json!("hushhush"), json!(""), json!("eu-west-3")]);

    // A role, which moto gives other keys.
    let moto = crate::support::aws::Moto::start();
    let role = "role_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = keys\nregion = eu-west-3\n";
    let configuration = format!("[profile keys]\nregion = eu-west-3\n{keys}\n[profile dev]\n{role}");
    let [id, secret, token, region] =
        credentials(&project, &configuration, &[("AWS_ENDPOINT_URL", &moto.url())]);
    assert!(id.as_str().unwrap().starts_with("ASIA") && secret != "hushhush" && token.is_string(), "{id}");
    assert_eq!(region, "eu-west-3");

    // A session of IAM Identity Center.
    let portal = portal();
    let session =
        "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev\nregion = eu-west-3\n";
    let configuration = format!(
        "[profile dev]\n{session}\n[sso-session corp]\nsso_region = eu-west-3\nsso_start_url = https://corp.example.com\n"
    );
    // The file is named by the SHA-1 of the session's name.
    let token = json!({
        "accessToken": "bearer", "expiresAt": "2999-01-01T00:00:00Z", "region": "eu-west-3",
        "startUrl": "https://corp.example.com",
    });
    let name = succeed(tool("sh").args(["-c", "printf corp | sha1sum | cut -d' ' -f1"])).text();
    project.workspace.write(format!("home/.aws/sso/cache/{}.json", name.trim()), token.to_string());
    let found = credentials(&project, &configuration, &[("AWS_ENDPOINT_URL_SSO", &portal)]);
    assert_eq!(found, [json!("ASIASSO"), json!("sso-hush"), json!("sso-token"), json!("eu-west-3")]);

    let mut unknown = project.limg(&["variables", "--profile", "absent"]);
    let failed = fails(3, unknown.env("AWS_EC2_METADATA_DISABLED", "true"));
    assert!(failed.stderr.contains("absent") && failed.stderr.contains("help: "), "{}", failed.stderr);
    project.leaves_nothing();
}

/// The URL of a server that gives the credentials of a role to every session.
fn portal() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection: TcpStream = connection.unwrap();
            let request = BufReader::new(connection.try_clone().unwrap()).lines().map(Result::unwrap);
            drop(request.take_while(|line| !line.is_empty()).collect::<Vec<_>>());
            let body = json!({ "roleCredentials": {
                "accessKeyId": "ASIASSO", "secretAccessKey": "sso-hush", "sessionToken": "sso-token",
                "expiration": 32_472_144_000_000_u64,
            } })
            .to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(connection, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    url
}
