//! Being let in: challenges, passwords, tokens, and what is stale of them.

use super::*;
use crate::project::Architecture;
use crate::registry::fake::{ALWAYS, Fault};

const PUBLIC: Scheme = Scheme::Bearer { public: true, uses: usize::MAX };
const PRIVATE: Scheme = Scheme::Bearer { public: false, uses: usize::MAX };

impl Bench {
    /// Reads the image that the registry has.
    async fn read(&self) -> Result<(), RegistryError> {
        let found = self.client.resolve(&self.repository(), "latest", Architecture::X86_64).await?;
        assert_eq!(found.bytes, Image::new().manifest);
        Ok(())
    }

    /// How often it was asked who is there.
    fn asked(&self) -> usize {
        self.user.asked.lock().unwrap().len()
    }

    fn refusals(&self) -> usize {
        self.fake.state().log.iter().filter(|access| access.status == 401).count()
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
async fn a_password_is_told_once_it_is_asked_for() {
    let bench = Bench::of(Who::User);
    bench.has_image();
    bench.read().await.unwrap();
    assert_eq!(bench.fake.state().log[0].scheme(), None, "nobody asked");
    assert_eq!(bench.asked(), 0);
    bench.shut(Scheme::Basic, usize::MAX);
    bench.read().await.unwrap();
    bench.write(b"content").await.unwrap();
    assert_eq!((bench.asked(), bench.refusals()), (1, 1), "limg remembers what it is asked");
    assert_eq!(bench.user.asked.lock().unwrap()[0], bench.fake.host());
}

#[tokio::test]
async fn a_token_is_fetched_for_each_scope() {
    let bench = Bench::of(Who::User);
    bench.has_image();
    bench.shut(PRIVATE, usize::MAX);
    for _ in 0..2 {
        bench.read().await.unwrap();
        bench.write(b"content").await.unwrap();
    }
    let state = bench.fake.state();
    let tokens: Vec<_> = state.log.iter().filter(|access| access.head.path == "/token").collect();
    let scopes = tokens.iter().map(|access| access.head.parameter("scope").unwrap());
    let expected = ["repository:shop/orders:pull", "repository:shop/orders:pull,push"];
    assert_eq!(scopes.collect::<Vec<_>>(), expected);
    assert!(tokens.iter().all(|access| access.head.parameter("service") == Some("fake")));
    assert!(tokens.iter().all(|access| access.scheme() == Some("Basic")));
    let others = state.log.iter().filter(|access| access.head.path != "/token");
    assert!(
        others.skip(1).all(|access| access.scheme() != Some("Basic")),
        "the password is for the token service"
    );
}

#[tokio::test]
async fn many_at_once_ask_once() {
    for scheme in [Scheme::Basic, PRIVATE] {
        for connections in [1, 3, 16] {
            let bench = Bench::with(Who::User, |settings| settings.connections = connections);
            let digests: Vec<_> = (0..12).map(|number| bench.has(&[number])).collect();
            bench.shut(scheme, usize::MAX);
            let repository = bench.repository();
            let asked = digests.iter().map(|digest| bench.client.has_blob(&repository, digest));
            for found in futures_util::future::join_all(asked).await {
                assert!(found.unwrap());
            }
            assert_eq!(bench.asked(), 1);
            assert!(bench.fake.count("GET", "/token") <= 1);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_exchanged() {
    let bench = Bench::of(Who::Refresher);
    bench.has_image();
    bench.shut(PRIVATE, usize::MAX);
    bench.read().await.unwrap();
    bench.write(b"content").await.unwrap();
    assert_eq!((bench.fake.count("POST", "/token"), bench.fake.count("GET", "/token")), (2, 0));
    // A service that knows only the other way gives what it gives everybody.
    for code in [404, 405] {
        let bench = Bench::of(Who::Refresher);
        bench.has_image();
        bench.shut(PUBLIC, usize::MAX);
        bench.fake.fail("POST", "/token", ALWAYS, Fault::Answer(status(code)));
        bench.read().await.unwrap();
    }
}

#[tokio::test]
async fn a_refresh_token_that_has_ended_is_replaced() {
    let bench = Bench::of(Who::Refresher);
    bench.has_image();
    bench.shut(Scheme::Bearer { public: false, uses: 1 }, 1);
    bench.read().await.unwrap();
    bench.read().await.unwrap();
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn nobody_may_read_what_is_public() {
    let bench = Bench::new();
    bench.has_image();
    bench.shut(PUBLIC, usize::MAX);
    bench.read().await.unwrap();
    let (told, error) = bench.fails(bench.write(b"content").await);
    assert_eq!(error.status(), Some(401), "{told}");
    assert!(matches!(error, RegistryError::Unauthorised { credential: None, .. }), "{told}");
    assert!(!bench.contents().blobs.contains_key(&Digest::of(b"content")));
}

#[tokio::test]
async fn nobody_may_read_what_is_private() {
    for scheme in [Scheme::Basic, PRIVATE] {
        let bench = Bench::new();
        bench.has_image();
        bench.shut(scheme, usize::MAX);
        let (told, error) = bench.fails(bench.read().await);
        assert!(matches!(error, RegistryError::Unauthorised { credential: None, .. }), "{told}");
        assert!(error.help().is_some(), "{told}");
        assert!(bench.fake.lines().len() <= 4, "{:?}", bench.fake.lines());
        assert_eq!(bench.retries(), [""; 0]);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_with_where_it_comes_from() {
    for scheme in [Scheme::Basic, PRIVATE] {
        for who in [Who::User, Who::Refresher] {
            let bench = Bench::of(who);
            bench.has_image();
            bench.shut(scheme, usize::MAX);
            bench.fake.state().gate.accounts.clear();
            for result in [bench.read().await, bench.write(b"content").await] {
                let (told, error) = bench.fails(result);
                assert_eq!(error.status(), Some(401), "{told}");
                let help = error.help().unwrap_or_default();
                let sent = scheme != Scheme::Basic || who == Who::User;
                assert_eq!(
                    format!("{told} {help}").contains("the keeper of passwords"),
                    sent,
                    "{told}: {help}"
                );
            }
            assert!(bench.fake.lines().len() <= 12, "{:#?}", bench.fake.lines());
            assert_eq!(bench.retries(), [""; 0]);
        }
    }
}

#[tokio::test]
async fn what_is_forbidden_is_no_question_of_the_password() {
    let bench = Bench::of(Who::User);
    bench.has_image();
    bench.shut(Scheme::Basic, usize::MAX);
    let answer =
        Answer::refusal(403, "DENIED", "User: arn is not authorized to perform: ecr:InitiateLayerUpload");
    bench.fake.fail("POST", "/blobs/uploads/", 2..=usize::MAX, Fault::Answer(answer));
    let (told, error) = bench.fails(bench.write(b"content").await);
    assert!(told.contains("DENIED: User: arn is not authorized"), "{told}");
    assert_eq!(error.status(), Some(403));
    assert_eq!(bench.asked(), 1);
    assert_eq!(bench.fake.count("POST", "/blobs/uploads/"), 2);
}

#[tokio::test]
async fn stale_credentials_do_not_keep_from_what_is_public() {
    for code in [400, 401, 403] {
        let bench = Bench::of(Who::User);
        let image = bench.has_image();
        bench.shut(PUBLIC, usize::MAX);
        bench.fake.state().gate.stale = Some(code);
        bench.read().await.unwrap();
        bench.read().await.unwrap();
        let layer = &image.blobs[2];
        assert_eq!(bench.fetch(layer).await.unwrap().read().unwrap(), *layer);
        assert_eq!(bench.stale_events(), 1);
        let (told, error) = bench.fails(bench.write(b"content").await);
        assert_eq!(error.status(), Some(code), "{told}");
        assert!(!bench.contents().blobs.contains_key(&Digest::of(b"content")));
    }
    // What is not public is not told as if it were.
    let bench = Bench::of(Who::User);
    bench.has_image();
    bench.shut(PRIVATE, usize::MAX);
    bench.fake.state().gate.stale = Some(403);
    let (told, error) = bench.fails(bench.read().await);
    assert_eq!((error.status(), bench.stale_events()), (Some(403), 0), "{told}");
}

#[tokio::test]
async fn a_token_service_may_fail_for_a_while() {
    let faults = [Fault::Reset, Fault::Lost, Fault::Truncated(5), Fault::ResetAt(5)];
    let answers = [408, 429, 500, 503].map(|code| Fault::Answer(status(code)));
    for fault in faults.into_iter().chain(answers) {
        let bench = Bench::of(Who::User);
        bench.has_image();
        bench.shut(PRIVATE, usize::MAX);
        bench.fake.fail("GET", "/token", 1..=2, fault.clone());
        let read = bench.read().await;
        assert!(read.is_ok(), "{fault:?}: {}", bench.told(&read.unwrap_err()));
        bench.write(b"content").await.unwrap();
    }
}

#[tokio::test]
async fn a_token_service_that_fails_is_told() {
    let token = |body: &str| Fault::Answer(Answer::new(200).body(body));
    for (fault, why) in [
        (Fault::Answer(Answer::refusal(500, "OOPS", "no tokens today")), "OOPS: no tokens today"),
        (token("{}"), "there is no token in the answer of http://HOST/token"),
        (token("very-secret but no JSON"), "there is no token in the answer of http://HOST/token"),
        (token(r#"{"token":"a\nb"}"#), "there is no token in the answer of http://HOST/token"),
        (Fault::Pour(None), "more than"),
        (Fault::Answer(status(307).header("location", "/token")), "circle"),
    ] {
        let bench = Bench::of(Who::User);
        bench.has_image();
        bench.shut(PRIVATE, usize::MAX);
        bench.fake.fail("GET", "/token", ALWAYS, fault.clone());
        let (told, _) = bench.fails(bench.read().await);
        assert!(told.contains(why), "{told}");
        assert!(bench.fake.count("GET", "/token") <= 12, "{fault:?}");
    }
}

#[tokio::test]
async fn a_password_goes_to_no_token_service_that_could_be_overheard() {
    for realm in
        ["http://auth.example.com/token", "ftp://auth.example.com/", "https://a:b@auth.example.com/", "///"]
    {
        let bench = Bench::of(Who::User);
        let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
        let answer = status(401).header("www-authenticate", challenge);
        bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(answer));
        bench.fails(bench.read().await);
        assert!(bench.fake.state().log.iter().all(|access| access.scheme().is_none()));
    }
}

#[tokio::test]
async fn a_challenge_that_nobody_knows_is_told() {
    for challenge in [
        "Negotiate",
        "Digest realm=\"x\", nonce=\"y\"",
        "Bearer",
        "Bearer service=\"x\"",
        ",,,=\"\\",
        "\"",
        "",
    ] {
        let bench = Bench::of(Who::User);
        let answer = status(401).header("www-authenticate", challenge);
        bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(answer));
        bench.fails(bench.read().await);
        assert!(bench.fake.lines().len() <= 2, "{challenge}");
        assert_eq!(bench.retries(), [""; 0]);
    }
}

/// A helper that fails.
struct Broken;

impl Credentials for Broken {
    fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>> {
        let help = Some("install it".to_owned());
        let error = CredentialsError { host: host.to_owned(), help, source: "no such program".into() };
        std::future::ready(Err(error)).boxed()
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_told() {
    let bench = Bench::new();
    bench.has_image();
    let client = Client::new(Settings::default(), Arc::new(Broken), bench.events.clone()).unwrap().hasty();
    bench.shut(PUBLIC, usize::MAX);
    let repository = bench.repository();
    let (told, error) = bench.fails(client.resolve(&repository, "latest", Architecture::X86_64).await);
    assert!(told.ends_with("failed to find credentials for `HOST`: no such program"), "{told}");
    assert_eq!(error.help().as_deref(), Some("install it"));
    assert_eq!(bench.retries(), [""; 0]);
}
