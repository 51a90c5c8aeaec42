//! A whole push and a whole pull, with something going wrong at every single request of them.

use super::*;
use crate::project::Architecture;
use crate::registry::fake::{Fault, Manner};

/// The ways in which a request can go wrong and the next one not.
fn passing() -> Vec<Fault> {
    vec![
        Fault::Reset,
        Fault::ResetAt(10),
        Fault::Lost,
        Fault::Answer(status(429).header("retry-after", "0")),
        Fault::Answer(status(500)),
        Fault::AnswerAt(10, status(503)),
        Fault::Truncated(10),
    ]
}

impl Bench {
    /// Pushes as a pipeline does: what is missing, by mount where that works; then the manifest by digest, then the tag.
    async fn push(&self, image: &Image) -> Result<(), RegistryError> {
        let repository = self.repository();
        for blob in &image.blobs {
            let digest = Digest::of(blob);
            if self.client.has_blob(&repository, &digest).await? {
                continue;
            }
            if let Mount::Refused(session) = self.client.mount(&repository, &digest, "limg/base").await? {
                self.client.upload(&repository, &digest, Upload::Bytes(blob), session).await?;
            }
        }
        for version in [Digest::of(&image.manifest).as_str(), "v1"] {
            self.client.put_manifest(&repository, version, MANIFEST, &image.manifest).await?;
        }
        Ok(())
    }

    async fn pull(&self, image: &Image) -> Result<(), RegistryError> {
        let repository = self.repository();
        let manifest = self.client.resolve(&repository, "latest", Architecture::X86_64).await?;
        assert_eq!(manifest.bytes, image.manifest);
        let [config, layers @ ..] = &image.blobs[..] else { panic!("no config") };
        assert_eq!(self.client.document(&repository, &Digest::of(config)).await?, *config);
        for layer in layers {
            assert_eq!(self.fetch(layer).await?.read().unwrap(), *layer);
        }
        Ok(())
    }

    /// A bench whose registry has the image's first layer elsewhere, and lets nobody in who does not say who they are.
    fn ready(scheme: Scheme, ecr: bool) -> (Self, Image) {
        let (bench, image) = (Self::of(Who::User), Image::new());
        bench.shut(scheme, usize::MAX);
        let mut state = bench.fake.state();
        state.manner = Manner { ecr, mounts: !ecr, ..Manner::default() };
        state.repository("limg/base").blob(&image.blobs[1]);
        drop(state);
        (bench, image)
    }

    fn requests(&self) -> usize {
        self.fake.lines().len()
    }

    /// That the tag is there, if it is, with everything that it stands for.
    fn is_whole(&self, image: &Image, tagged: bool) {
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

const BEARER: Scheme = Scheme::Bearer { public: false, uses: usize::MAX };

#[tokio::test]
async fn a_push_survives_what_passes_wherever_it_happens() {
    for (scheme, ecr) in [(Scheme::Basic, true), (BEARER, false)] {
        let (bench, image) = Bench::ready(scheme, ecr);
        bench.push(&image).await.unwrap();
        bench.is_whole(&image, true);
        for number in 1..=bench.requests() {
            for fault in passing() {
                let (bench, image) = Bench::ready(scheme, ecr);
                bench.fake.fail("", "/", number..=number, fault.clone());
                let pushed = bench.push(&image).await;
                assert!(
                    pushed.is_ok(),
                    "{fault:?} at request {number}: {}",
                    bench.told(&pushed.unwrap_err())
                );
                bench.is_whole(&image, true);
            }
        }
    }
}

#[tokio::test]
async fn a_push_that_fails_leaves_no_tag() {
    let (bench, image) = Bench::ready(Scheme::Basic, true);
    bench.push(&image).await.unwrap();
    let last = bench.fake.lines().iter().position(|line| line.ends_with("/manifests/v1")).unwrap();
    for number in 1..=last + 1 {
        for fault in
            [Fault::Reset, Fault::Answer(status(500)), Fault::Answer(status(400)), Fault::ResetAt(10)]
        {
            let (bench, image) = Bench::ready(Scheme::Basic, true);
            bench.fake.fail("", "/", number..=usize::MAX, fault);
            bench.fails(bench.push(&image).await);
            bench.is_whole(&image, false);
        }
    }
}

#[tokio::test]
async fn a_push_survives_the_end_of_a_password_wherever_it_comes() {
    let (bench, image) = Bench::ready(Scheme::Basic, true);
    bench.push(&image).await.unwrap();
    for uses in 0..=bench.requests() {
        for tells_expiry in [false, true] {
            let (bench, image) = Bench::ready(Scheme::Basic, true);
            bench.shut(Scheme::Basic, uses);
            bench.fake.state().gate.tells_expiry = tells_expiry;
            let pushed = bench.push(&image).await;
            assert!(pushed.is_ok(), "after {uses} uses: {}", bench.told(&pushed.unwrap_err()));
            bench.is_whole(&image, true);
            assert!(bench.user.asked.lock().unwrap().len() <= 2);
        }
    }
}

#[tokio::test]
async fn a_push_survives_the_end_of_tokens() {
    for uses in 1..=6 {
        let (bench, image) = Bench::ready(Scheme::Bearer { public: false, uses }, false);
        bench.push(&image).await.unwrap();
        bench.is_whole(&image, true);
        assert!(bench.fake.count("GET", "/token") > 1);
    }
}

#[tokio::test]
async fn a_pull_survives_what_passes_wherever_it_happens() {
    for (scheme, elsewhere) in [(Scheme::Basic, true), (BEARER, false)] {
        let start = || {
            let bench = Bench::of(Who::User);
            bench.shut(scheme, usize::MAX);
            bench.fake.state().manner.storage = elsewhere.then(|| bench.fake.other_door());
            let image = bench.has_image();
            (bench, image)
        };
        let (bench, image) = start();
        bench.pull(&image).await.unwrap();
        for number in 1..=bench.requests() {
            for fault in passing() {
                let (bench, image) = start();
                bench.fake.fail("", "/", number..=number, fault.clone());
                let pulled = bench.pull(&image).await;
                assert!(
                    pulled.is_ok(),
                    "{fault:?} at request {number}: {}",
                    bench.told(&pulled.unwrap_err())
                );
            }
        }
    }
}

#[tokio::test]
async fn a_pull_survives_the_end_of_tokens_and_passwords() {
    for uses in 1..=5 {
        for scheme in [Scheme::Basic, Scheme::Bearer { public: false, uses }] {
            let bench = Bench::of(Who::User);
            bench.shut(scheme, uses);
            let image = bench.has_image();
            bench.fake.fail("GET", "/blobs/", 2..=3, Fault::Truncated(5000));
            bench.pull(&image).await.unwrap();
        }
    }
}
