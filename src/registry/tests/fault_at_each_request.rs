//! A complete push and a complete pull, with a fault injected into each of their requests in turn.

use std::sync::LazyLock;

use super::*;
use crate::registry::fake::{Behaviour, InjectedFault};

/// A blob that is too large for one request.
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| noise(4, 1_200_000));

/// Faults after which the next request succeeds.
fn transient_faults() -> Vec<InjectedFault> {
    vec![
        InjectedFault::Reset,
        InjectedFault::ResetAfter(10),
        InjectedFault::LoseResponse,
        InjectedFault::Respond(status(429).header("retry-after", "0")),
        InjectedFault::Respond(status(500)),
        InjectedFault::RespondAfter(10, status(503)),
        InjectedFault::TruncateAfter(10),
    ]
}

impl Fixture {
    /// Pushes as a pipeline does: the missing blobs, mounted if possible or else in a session of their own; then the manifest
    /// by digest; then the tag.
    async fn push(&self, image: &Image) -> Result<(), RegistryError> {
        let repository = self.repository();
        for blob in &image.blobs {
            let digest = Digest::of(blob);
            if self.client.has_blob(&repository, &digest).await? {
                continue;
            }
            let mut session = None;
            if Some(blob) == image.blobs.get(1) {
                match self.client.mount(&repository, &digest, "limg/base").await? {
                    MountOutcome::Mounted => continue,
                    MountOutcome::Refused(opened) => session = opened,
                }
            }
            self.client.upload(&repository, &digest, UploadContent::Bytes(blob), session).await?;
        }
        for version in [Digest::of(&image.manifest).as_str(), "v1"] {
            self.client.put_manifest(&repository, version, MANIFEST, &image.manifest).await?;
        }
        Ok(())
    }

    async fn pull(&self, image: &Image) -> Result<(), RegistryError> {
        let repository = self.repository();
        assert_eq!(self.resolve("latest").await?.bytes, image.manifest);
        let [config, layers @ ..] = &image.blobs[..] else { panic!("no config") };
        assert_eq!(self.client.read_blob(&repository, &Digest::of(config)).await?, *config);
        for layer in layers {
            assert_eq!(self.fetch(layer).await?.read().unwrap(), *layer);
        }
        Ok(())
    }

    /// A fixture whose registry requires authentication and has the image's first layer in another repository.
    fn prepare(scheme: AuthScheme, ecr: bool) -> (Self, Image) {
        let (fixture, mut image) = (Self::of(Who::User), Image::new());
        image.blobs.push(LARGE.clone());
        fixture.require_auth(scheme, usize::MAX);
        let mut state = fixture.fake.state();
        let accepts_content_in_post = !ecr;
        state.behaviour = Behaviour { ecr, mounts: !ecr, accepts_content_in_post, ..Behaviour::default() };
        state.repository("limg/base").blob(&image.blobs[1]);
        drop(state);
        (fixture, image)
    }

    fn requests(&self) -> usize {
        self.fake.lines().len()
    }

    /// Fails unless the image is pushed completely and tagged, or not tagged at all.
    fn assert_pushed(&self, image: &Image, tagged: bool) {
        let contents = self.contents();
        assert_eq!(contents.tags.contains_key("v1"), tagged);
        if tagged {
            let digest = Digest::of(&image.manifest);
            assert_eq!(contents.tags["v1"], digest);
            assert_eq!(contents.manifests[&digest].1, image.manifest);
            for blob in &image.blobs {
                assert_eq!(contents.blobs[&Digest::of(blob)], *blob);
            }
            assert_eq!(contents.blobs.len(), image.blobs.len());
        }
    }
}

const BEARER: AuthScheme = AuthScheme::Bearer { public: false, uses: usize::MAX };

#[tokio::test]
async fn a_push_survives_a_transient_fault_at_any_request() {
    for (scheme, ecr) in [(AuthScheme::Basic, true), (BEARER, false)] {
        let (fixture, image) = Fixture::prepare(scheme, ecr);
        fixture.push(&image).await.unwrap();
        fixture.assert_pushed(&image, true);
        for number in 1..=fixture.requests() {
            for fault in transient_faults() {
                let (fixture, image) = Fixture::prepare(scheme, ecr);
                fixture.fake.fail("", "/", number..=number, fault.clone());
                let pushed = fixture.push(&image).await;
                assert!(
                    pushed.is_ok(),
                    "{fault:?} at request {number}: {}",
                    fixture.message(&pushed.unwrap_err())
                );
                fixture.assert_pushed(&image, true);
            }
        }
    }
}

#[tokio::test]
async fn a_push_that_fails_leaves_no_tag() {
    let (fixture, image) = Fixture::prepare(AuthScheme::Basic, true);
    fixture.push(&image).await.unwrap();
    let last = fixture.fake.lines().iter().position(|line| line.ends_with("/manifests/v1")).unwrap();
    for number in 1..=last + 1 {
        for fault in [
            InjectedFault::Reset,
            InjectedFault::Respond(status(500)),
            InjectedFault::Respond(status(400)),
            InjectedFault::ResetAfter(10),
        ] {
            let (fixture, image) = Fixture::prepare(AuthScheme::Basic, true);
            fixture.fake.fail("", "/", number..=usize::MAX, fault);
            fixture.fails(fixture.push(&image).await);
            fixture.assert_pushed(&image, false);
        }
    }
}

#[tokio::test]
async fn a_push_survives_the_expiry_of_a_password_at_any_request() {
    let (fixture, image) = Fixture::prepare(AuthScheme::Basic, true);
    fixture.push(&image).await.unwrap();
    for uses in 0..=fixture.requests() {
        for reports_expiry in [false, true] {
            let (fixture, image) = Fixture::prepare(AuthScheme::Basic, true);
            fixture.require_auth(AuthScheme::Basic, uses);
            fixture.fake.state().auth.reports_expiry = reports_expiry;
            let pushed = fixture.push(&image).await;
            assert!(pushed.is_ok(), "after {uses} uses: {}", fixture.message(&pushed.unwrap_err()));
            fixture.assert_pushed(&image, true);
            assert!(fixture.user.asked.lock().unwrap().len() <= 2);
        }
    }
}

#[tokio::test]
async fn a_push_survives_the_expiry_of_tokens() {
    for uses in 1..=6 {
        let (fixture, image) = Fixture::prepare(AuthScheme::Bearer { public: false, uses }, false);
        fixture.push(&image).await.unwrap();
        fixture.assert_pushed(&image, true);
        assert!(fixture.fake.count("GET", "/token") > 1);
    }
}

#[tokio::test]
async fn a_pull_survives_a_transient_fault_at_any_request() {
    for (scheme, other_storage) in [(AuthScheme::Basic, true), (BEARER, false)] {
        let start = || {
            let fixture = Fixture::of(Who::User);
            fixture.require_auth(scheme, usize::MAX);
            fixture.fake.state().behaviour.storage = other_storage.then(|| fixture.fake.second_host());
            let image = fixture.add_image();
            (fixture, image)
        };
        let (fixture, image) = start();
        fixture.pull(&image).await.unwrap();
        for number in 1..=fixture.requests() {
            for fault in transient_faults() {
                let (fixture, image) = start();
                fixture.fake.fail("", "/", number..=number, fault.clone());
                let pulled = fixture.pull(&image).await;
                assert!(
                    pulled.is_ok(),
                    "{fault:?} at request {number}: {}",
                    fixture.message(&pulled.unwrap_err())
                );
            }
        }
    }
}

#[tokio::test]
async fn a_pull_survives_the_expiry_of_tokens_and_passwords() {
    for uses in 1..=5 {
        for scheme in [AuthScheme::Basic, AuthScheme::Bearer { public: false, uses }] {
            let fixture = Fixture::of(Who::User);
            fixture.require_auth(scheme, uses);
            let image = fixture.add_image();
            fixture.fake.fail("GET", "/blobs/", 2..=3, InjectedFault::TruncateAfter(5000));
            fixture.pull(&image).await.unwrap();
        }
    }
}
