//! Authentication: challenges, passwords, tokens, and stale credentials.

use super::*;
use crate::failure::help_text;
use crate::registry::fake::{ALWAYS, InjectedFault};

const PUBLIC: AuthScheme = AuthScheme::Bearer { public: true, uses: usize::MAX };
const PRIVATE: AuthScheme = AuthScheme::Bearer { public: false, uses: usize::MAX };

impl Fixture {
    /// Reads the image at the registry.
    async fn read(&self) -> Result<(), RegistryError> {
        assert_eq!(self.resolve("latest").await?.bytes, Image::new().manifest);
        Ok(())
    }

    /// How often the credentials were looked up.
    fn look_ups(&self) -> usize {
        self.user.asked.lock().unwrap().len()
    }

    fn denials(&self) -> usize {
        self.fake.state().log.iter().filter(|request| request.status == 401).count()
    }

    fn stale_events(&self) -> usize {
        let events = self.events.0.lock().unwrap();
        let own = |event: &&Event| match event {
            Event::StaleCredentials { host } => *host == self.fake.host(),
            _ => false,
        };
        events.iter().filter(own).count()
    }
}

#[tokio::test]
async fn a_password_is_sent_only_after_a_challenge() {
    let fixture = Fixture::of(Who::User);
    fixture.add_image();
    fixture.read().await.unwrap();
    assert_eq!(fixture.fake.state().log[0].scheme(), None, "before any challenge");
    assert_eq!(fixture.look_ups(), 0);
    fixture.require_auth(AuthScheme::Basic, usize::MAX);
    fixture.read().await.unwrap();
    fixture.upload_bytes(b"content").await.unwrap();
    assert_eq!((fixture.look_ups(), fixture.denials()), (1, 1), "limg remembers the challenge");
    assert_eq!(fixture.user.asked.lock().unwrap()[0], fixture.fake.host());
}

#[tokio::test]
async fn a_token_is_fetched_for_each_scope() {
    let fixture = Fixture::of(Who::User);
    fixture.add_image();
    fixture.require_auth(PRIVATE, usize::MAX);
    for _ in 0..2 {
        fixture.read().await.unwrap();
        fixture.upload_bytes(b"content").await.unwrap();
    }
    let state = fixture.fake.state();
    let tokens: Vec<_> = state.log.iter().filter(|request| request.head.path == "/token").collect();
    let scopes = tokens.iter().map(|request| request.head.parameter("scope").unwrap());
    let expected = ["repository:shop/orders:pull", "repository:shop/orders:pull,push"];
    assert_eq!(scopes.collect::<Vec<_>>(), expected);
    assert!(tokens.iter().all(|request| request.head.parameter("service") == Some("fake")));
    assert!(tokens.iter().all(|request| request.scheme() == Some("Basic")));
    let others = state.log.iter().filter(|request| request.head.path != "/token");
    assert!(
        others.skip(1).all(|request| request.scheme() != Some("Basic")),
        "the password is for the token service"
    );
}

#[tokio::test]
async fn concurrent_requests_share_one_look_up() {
    for scheme in [AuthScheme::Basic, PRIVATE] {
        for connections in [1, 3, 16] {
            let fixture = Fixture::with(Who::User, |settings| settings.connections = connections);
            let digests: Vec<_> = (0..12).map(|number| fixture.add_blob(&[number])).collect();
            fixture.require_auth(scheme, usize::MAX);
            let repository = fixture.repository();
            let asked = digests.iter().map(|digest| fixture.client.has_blob(&repository, digest));
            for found in futures_util::future::join_all(asked).await {
                assert!(found.unwrap());
            }
            assert_eq!(fixture.look_ups(), 1);
            assert!(fixture.fake.count("GET", "/token") <= 1);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_exchanged() {
    let fixture = Fixture::of(Who::TokenUser);
    fixture.add_image();
    fixture.require_auth(PRIVATE, usize::MAX);
    fixture.read().await.unwrap();
    fixture.upload_bytes(b"content").await.unwrap();
    assert_eq!((fixture.fake.count("POST", "/token"), fixture.fake.count("GET", "/token")), (2, 0));
    // A service without this exchange gives an anonymous token.
    for code in [404, 405] {
        let fixture = Fixture::of(Who::TokenUser);
        fixture.add_image();
        fixture.require_auth(PUBLIC, usize::MAX);
        fixture.fake.fail("POST", "/token", ALWAYS, InjectedFault::Respond(status(code)));
        fixture.read().await.unwrap();
    }
}

#[tokio::test]
async fn an_expired_refresh_token_is_replaced() {
    let fixture = Fixture::of(Who::TokenUser);
    fixture.add_image();
    fixture.require_auth(AuthScheme::Bearer { public: false, uses: 1 }, 1);
    fixture.read().await.unwrap();
    fixture.read().await.unwrap();
    assert_eq!(fixture.look_ups(), 2);
}

#[tokio::test]
async fn a_public_image_can_be_read_anonymously_but_not_written() {
    let fixture = Fixture::new();
    fixture.add_image();
    fixture.require_auth(PUBLIC, usize::MAX);
    fixture.read().await.unwrap();
    let (message, error) = fixture.fails(fixture.upload_bytes(b"content").await);
    assert_eq!(error.status(), Some(401), "{message}");
    assert!(matches!(error, RegistryError::Unauthorised { credential: None, .. }), "{message}");
    assert!(!fixture.contents().blobs.contains_key(&Digest::of(b"content")));
}

#[tokio::test]
async fn a_private_image_cannot_be_read_anonymously() {
    for scheme in [AuthScheme::Basic, PRIVATE] {
        let fixture = Fixture::new();
        fixture.add_image();
        fixture.require_auth(scheme, usize::MAX);
        let (message, error) = fixture.fails(fixture.read().await);
        assert!(matches!(error, RegistryError::Unauthorised { credential: None, .. }), "{message}");
        assert!(error.help().is_some(), "{message}");
        assert!(fixture.fake.lines().len() <= 4, "{:?}", fixture.fake.lines());
        assert_eq!(fixture.retries(), [""; 0]);
    }
}

#[tokio::test]
async fn the_error_about_a_wrong_password_names_its_source() {
    for scheme in [AuthScheme::Basic, PRIVATE] {
        for who in [Who::User, Who::TokenUser] {
            let fixture = Fixture::of(who);
            fixture.add_image();
            fixture.require_auth(scheme, usize::MAX);
            fixture.fake.state().auth.accounts.clear();
            for result in [fixture.read().await, fixture.upload_bytes(b"content").await] {
                let (message, error) = fixture.fails(result);
                assert_eq!(error.status(), Some(401), "{message}");
                let help = help_text(&error);
                let sent = scheme != AuthScheme::Basic || who == Who::User;
                assert_eq!(
                    format!("{message} {help}").contains("the password store"),
                    sent,
                    "{message}: {help}"
                );
            }
            assert!(fixture.fake.lines().len() <= 12, "{:#?}", fixture.fake.lines());
            assert_eq!(fixture.retries(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_missing_permission_does_not_renew_the_password() {
    let fixture = Fixture::of(Who::User);
    fixture.add_image();
    fixture.require_auth(AuthScheme::Basic, usize::MAX);
    let response =
        Response::error(403, "DENIED", "User: arn is not authorized to perform: ecr:InitiateLayerUpload");
    fixture.fake.fail("POST", "/blobs/uploads/", 2..=usize::MAX, InjectedFault::Respond(response));
    let (message, error) = fixture.fails(fixture.upload_bytes(b"content").await);
    assert!(message.contains("DENIED: User: arn is not authorized"), "{message}");
    assert_eq!(error.status(), Some(403));
    assert_eq!(fixture.look_ups(), 1);
    assert_eq!(fixture.fake.count("POST", "/blobs/uploads/"), 2);
}

#[tokio::test]
async fn stale_credentials_do_not_prevent_reading_public_images() {
    for code in [400, 401, 403] {
        let fixture = Fixture::of(Who::User);
        let image = fixture.add_image();
        fixture.require_auth(PUBLIC, usize::MAX);
        fixture.fake.state().auth.stale = Some(code);
        fixture.read().await.unwrap();
        fixture.read().await.unwrap();
        let layer = &image.blobs[2];
        assert_eq!(fixture.fetch(layer).await.unwrap().read().unwrap(), *layer);
        assert_eq!(fixture.stale_events(), 1);
        let (message, error) = fixture.fails(fixture.upload_bytes(b"content").await);
        assert_eq!(error.status(), Some(code), "{message}");
        assert!(!fixture.contents().blobs.contains_key(&Digest::of(b"content")));
    }
    // The event appears only if anonymous access works.
    let fixture = Fixture::of(Who::User);
    fixture.add_image();
    fixture.require_auth(PRIVATE, usize::MAX);
    fixture.fake.state().auth.stale = Some(403);
    let (message, error) = fixture.fails(fixture.read().await);
    assert_eq!((error.status(), fixture.stale_events()), (Some(403), 0), "{message}");
}

#[tokio::test]
async fn a_token_service_may_fail_temporarily() {
    let faults = [
        InjectedFault::Reset,
        InjectedFault::LoseResponse,
        InjectedFault::TruncateAfter(5),
        InjectedFault::ResetAfter(5),
    ];
    let responses = [408, 429, 500, 503].map(|code| InjectedFault::Respond(status(code)));
    for fault in faults.into_iter().chain(responses) {
        let fixture = Fixture::of(Who::User);
        fixture.add_image();
        fixture.require_auth(PRIVATE, usize::MAX);
        fixture.fake.fail("GET", "/token", 1..=2, fault.clone());
        let read = fixture.read().await;
        assert!(read.is_ok(), "{fault:?}: {}", fixture.message(&read.unwrap_err()));
        fixture.upload_bytes(b"content").await.unwrap();
    }
}

#[tokio::test]
async fn the_error_names_what_is_wrong_with_a_token_service() {
    let token = |body: &str| InjectedFault::Respond(Response::new(200).body(body));
    for (fault, why) in [
        (InjectedFault::Respond(Response::error(500, "OOPS", "no tokens today")), "OOPS: no tokens today"),
        (token("{}"), "the response of http://HOST/token does not contain a token"),
        (token("very-secret but no JSON"), "the response of http://HOST/token does not contain a token"),
        (token(r#"{"token":"a\nb"}"#), "the response of http://HOST/token does not contain a token"),
        (InjectedFault::Endless(None), "more than"),
        (InjectedFault::Respond(status(307).header("location", "/token")), "in a loop"),
    ] {
        let fixture = Fixture::of(Who::User);
        fixture.add_image();
        fixture.require_auth(PRIVATE, usize::MAX);
        fixture.fake.fail("GET", "/token", ALWAYS, fault.clone());
        let (message, _) = fixture.fails(fixture.read().await);
        assert!(message.contains(why), "{message}");
        assert!(fixture.fake.count("GET", "/token") <= 12, "{fault:?}");
    }
}

#[tokio::test]
async fn a_password_is_not_sent_to_an_insecure_token_service() {
    for realm in
        ["http://auth.example.com/token", "ftp://auth.example.com/", "https://a:b@auth.example.com/", "///"]
    {
        let fixture = Fixture::of(Who::User);
        let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
        let response = status(401).header("www-authenticate", challenge);
        fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(response));
        fixture.fails(fixture.read().await);
        assert!(fixture.fake.state().log.iter().all(|request| request.scheme().is_none()));
    }
}

#[tokio::test]
async fn an_unsupported_challenge_is_an_error() {
    for challenge in [
        "Negotiate",
        "Digest realm=\"x\", nonce=\"y\"",
        "Bearer",
        "Bearer service=\"x\"",
        ",,,=\"\\",
        "\"",
        "",
    ] {
        let fixture = Fixture::of(Who::User);
        let response = status(401).header("www-authenticate", challenge);
        fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(response));
        fixture.fails(fixture.read().await);
        assert!(fixture.fake.lines().len() <= 2, "{challenge}");
        assert_eq!(fixture.retries(), [""; 0]);
    }
}

/// A credential helper that fails.
struct FailingHelper;

impl CredentialProvider for FailingHelper {
    fn find<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
        let help = Some("install it".into());
        let error = CredentialError { host: repository.host.clone(), help, source: "no such program".into() };
        std::future::ready(Err(error)).boxed()
    }
}

#[tokio::test]
async fn an_error_of_a_credential_helper_is_reported() {
    let fixture = Fixture::new();
    fixture.add_image();
    let client = Client::new(ClientSettings::default(), Arc::new(FailingHelper), fixture.events.clone())
        .unwrap()
        .with_short_waits();
    fixture.require_auth(PUBLIC, usize::MAX);
    let repository = fixture.repository();
    let (message, error) = fixture.fails(client.resolve(&repository, "latest", Architecture::X86_64).await);
    assert!(message.ends_with("failed to find credentials for `HOST`: no such program"), "{message}");
    assert_eq!(help_text(&error), "install it");
    assert_eq!(fixture.retries(), [""; 0]);
}
