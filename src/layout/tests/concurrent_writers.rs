//! Several writers of one layout at a time.

use super::*;

/// Each finds what the other has just dropped, or is about to.
#[test]
fn concurrent_writers_do_not_drop_blobs_of_each_other() {
    let fixture = Fixture::new();
    let image = |content: &str| fixture.image(content, Architecture::X86_64);
    let (one, two) = (image("one"), image("two"));
    let layout = &fixture.layout(&[(&one, "a")]);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let images = [&one, &two];
            scope.spawn(move || {
                for round in 0..40 {
                    write_layout(layout, &named(&[(images[round % 2], name)])).unwrap();
                }
            });
        }
    });
    for name in ["a", "b", "c"] {
        assert_eq!(fixture.read(layout, Some(name)).unwrap(), "two");
    }
    assert_eq!(blobs_in(layout), blobs_of(&[&two]));
}

#[test]
fn concurrent_writers_do_not_lose_images() {
    let fixture = Fixture::new();
    let images: Vec<_> =
        (0..8).map(|number| fixture.image(&format!("{number}"), Architecture::X86_64)).collect();
    let layout = fixture.path("layout");
    std::thread::scope(|scope| {
        for (number, image) in images.iter().enumerate() {
            let layout = &layout;
            scope.spawn(move || {
                write_layout(layout, &named(&[(image, &format!("f{number}"))])).unwrap();
            });
        }
    });
    for number in 0..8 {
        assert_eq!(fixture.read(&layout, Some(&format!("f{number}"))).unwrap(), number.to_string());
    }
}
