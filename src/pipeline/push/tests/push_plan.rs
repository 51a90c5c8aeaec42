//! Plans of pushes: what they say is what the push then does, and they send nothing.

use super::*;
use crate::pipeline::survey::{Surveyed, SurveyedLayer};

/// An image of which everything is known.
fn surveyed(built: &Built) -> Surveyed {
    let layer = |layer: &Layer| SurveyedLayer {
        name: "code".to_owned(),
        blob: Some((layer.clone(), built.origins.get(&layer.digest).cloned())),
        files: 0,
    };
    let layers = built.image.layers().iter().filter_map(ImageLayer::blob).map(layer).collect();
    Surveyed { image_name: built.image_name.clone(), built: Some(built.clone()), layers }
}

impl Fixture {
    async fn plan(&self, built: &[Built], evidence: &Evidence) -> Vec<PushPlan> {
        let images: Vec<_> = built.iter().map(surveyed).collect();
        let images: Vec<_> = images.iter().collect();
        plan(&images, &self.targets(built), evidence, &self.context).await.unwrap()
    }

    /// The plan of one image, by its change and its numbers of blobs to upload, to mount and that are there.
    async fn summary(&self, built: &Built, evidence: &Evidence) -> (PushChange, [u64; 3]) {
        let plan = self.plan(std::slice::from_ref(built), evidence).await.remove(0);
        (plan.change, [plan.upload.blobs, plan.mount.blobs, plan.present.blobs])
    }
}

fn last(built: &Built) -> Evidence {
    Evidence::LastPush(vec![built.image.digest().cloned()])
}

#[tokio::test]
async fn a_plan_announces_what_the_push_does_and_sends_nothing() {
    let fixture = Fixture::new(8);
    fixture.fake.state().behaviour.mounts = true;
    let built = ["a", "b"].map(|name| fixture.built(name, &["shared", name]));
    let plans = fixture.plan(&built, &Evidence::Registry).await;
    let sent = fixture.fake.lines().into_iter().filter(|line| !line.starts_with("HEAD ")).collect::<Vec<_>>();
    assert!(sent.iter().all(|line| line.starts_with("GET /v2/ ")), "{sent:?}");
    let steps: Vec<Vec<_>> =
        plans.iter().map(|plan| plan.layers.iter().map(|layer| layer.step).collect()).collect();
    let (upload, mount) = (LayerStep::Upload, LayerStep::Mount);
    assert_eq!(steps, [[upload, upload], [mount, upload]]);

    let pushed = fixture.push(&built).await.unwrap();
    for (plan, pushed) in plans.iter().zip(&pushed) {
        assert_eq!(plan.change, PushChange::Layers);
        assert_eq!(plan.digest.as_ref(), Some(&pushed.digest));
        assert_eq!(
            [plan.upload, plan.mount, plan.present],
            [pushed.uploaded, pushed.mounted, pushed.present]
        );
    }
    let before = fixture.fake.lines().len();
    let again = fixture.plan(&built, &Evidence::Registry).await;
    assert!(again.iter().all(|plan| plan.change == PushChange::Unchanged && plan.layers.is_empty()));
    assert_eq!(fixture.fake.lines().len() - before, 2, "one question for each image");
}

#[tokio::test]
async fn a_plan_tells_layers_from_configuration_and_tags() {
    let fixture = Fixture::new(8);
    let old = fixture.built("a", &["one", "two"]);
    fixture.push(std::slice::from_ref(&old)).await.unwrap();
    let run = RunConfig { command: Some(vec!["other".to_owned()]), ..RunConfig::default() };
    let base = BaseImage::scratch(Architecture::X86_64);
    let added: Vec<_> = ["one", "two"]
        .map(|content| NewLayer {
            layer: fixture.layer(content).into(),
            description: "some files".to_owned(),
            encoder: None,
        })
        .into();
    let other = Image::assemble(&base, &added, &run, CREATED).unwrap();
    let configured = Built { image: other, ..old.clone() };
    let extended = fixture.built("a", &["one", "two", "three"]);
    for evidence in [Evidence::Registry, last(&old)] {
        assert_eq!(fixture.summary(&old, &evidence).await, (PushChange::Unchanged, [0, 0, 3]));
        let configuration = (PushChange::Configuration, [1, 0, 2]);
        assert_eq!(fixture.summary(&configured, &evidence).await, configuration, "{evidence:?}");
        assert_eq!(fixture.summary(&extended, &evidence).await, (PushChange::Layers, [2, 0, 2]));
    }
    fixture.push(&[configured]).await.unwrap();
    assert_eq!(fixture.summary(&old, &Evidence::Registry).await, (PushChange::Tags, [0, 0, 3]));
}

#[tokio::test]
async fn a_layer_that_is_to_be_made_has_no_digest() {
    let fixture = Fixture::new(8);
    let built = fixture.built("a", &["one"]);
    fixture.push(std::slice::from_ref(&built)).await.unwrap();
    let mut image = surveyed(&built);
    image.built = None;
    image.layers.push(SurveyedLayer { name: "more".to_owned(), blob: None, files: 7 });
    for evidence in [Evidence::Registry, last(&built)] {
        let targets = fixture.targets(std::slice::from_ref(&built));
        let plan = plan(&[&image], &targets, &evidence, &fixture.context).await.unwrap().remove(0);
        assert_eq!((plan.change, plan.digest), (PushChange::Layers, None));
        assert_eq!((plan.build, plan.present.blobs), (BlobTotal { blobs: 1, bytes: 7 }, 1));
        let layer = PlannedLayer { name: "more".to_owned(), digest: None, bytes: 7, step: LayerStep::Build };
        assert_eq!(plan.layers, [layer]);
    }
}

#[tokio::test]
async fn without_the_registry_the_store_tells_what_was_pushed() {
    let fixture = Fixture::new(8);
    let built = fixture.built("a", &["one", &text(1024 * 1024)]);
    assert_eq!(
        fixture.summary(&built, &Evidence::LastPush(vec![None])).await,
        (PushChange::Layers, [3, 0, 0])
    );
    fixture.push(std::slice::from_ref(&built)).await.unwrap();
    let before = fixture.fake.lines().len();
    assert_eq!(fixture.summary(&built, &last(&built)).await, (PushChange::Unchanged, [0, 0, 3]));
    // The places of large layers are known even if the last push is not.
    let unknown = Evidence::LastPush(vec![None]);
    assert_eq!(fixture.summary(&built, &unknown).await, (PushChange::Layers, [2, 0, 1]));
    let elsewhere = Built { name: "b".to_owned(), ..built.clone() };
    assert_eq!(fixture.summary(&elsewhere, &unknown).await, (PushChange::Layers, [2, 1, 0]));
    assert_eq!(fixture.fake.lines().len(), before, "no request");
}
