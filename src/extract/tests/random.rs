//! What is taken of random images is what a naive reading of the specification has there.

use proptest::prelude::*;

use super::fixture::{Fixture, listed};
use crate::extract::ExtractError;
use crate::files::tests::model::{any_layers, any_path, cases, image};

proptest! {
    // Few, since the store waits for the disk.
    #![proptest_config(cases(48))]

    #[test]
    fn what_is_taken_of_any_image_is_what_the_model_has(
        layers in any_layers(),
        from in prop_oneof![Just("a".to_owned()), any_path()],
    ) {
        let (model, layers) = image(&layers);
        prop_assume!(!model.leads_through_link(&from));
        let mut fixture = Fixture::new();
        for layer in &layers {
            fixture.add(layer);
        }
        let found = match fixture.extract(&format!("/{from}"), "/to") {
            Err(ExtractError::Missing { .. }) => Vec::new(),
            taken => listed(&taken.unwrap().tree),
        };
        let mut lines: Vec<_> = found.iter().map(|line| line.trim_end_matches('*').to_owned()).collect();
        lines.sort();
        prop_assert_eq!(lines, model.listed(&from), "{} of {:?}", from, model);
    }
}
