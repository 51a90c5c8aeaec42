//! Objects of any form: what is one object, what is sorted, and what is refused.

use proptest::prelude::*;

use super::*;

const VERSION: &str = "python3.12";

fn read(bytes: &[u8]) -> Result<Vec<u8>, UnknownForm> {
    canonical(bytes, PythonVersion::of(VERSION).unwrap())
}

#[test]
fn only_objects_that_are_used_again_can_be_referred_to() {
    // A tuple and a text that something else in the process refers to, and a text that is here twice.
    let flagged = b"\xa9\x03\xda\x02ab\xda\x02cdr\x02\x00\x00\x00";
    let plain = b")\x03Z\x02ab\xda\x02cdr\x00\x00\x00\x00";
    assert_eq!(read(flagged).unwrap(), plain);
    assert_eq!(read(plain).unwrap(), plain);
    assert_eq!(read(b")\x03Z\x02abZ\x02cdZ\x02cd").unwrap(), plain, "equal constants are one");
    assert_eq!(read(b")\x02NN").unwrap(), b")\x02NN");
}

#[test]
fn sets_do_not_depend_on_the_order_of_hashes() {
    let one = b")\x02>\x02\x00\x00\x00Z\x01bz\x02aa>\x02\x00\x00\x00z\x02aaZ\x01b";
    let other = b")\x02\xbe\x02\x00\x00\x00z\x02aa\xda\x01br\x00\x00\x00\x00";
    let sorted = b")\x02\xbe\x02\x00\x00\x00Z\x01bz\x02aar\x00\x00\x00\x00";
    assert_eq!(read(one).unwrap(), sorted);
    assert_eq!(read(other).unwrap(), sorted);
    let inner = b">\x02\x00\x00\x00>\x02\x00\x00\x00Z\x01bZ\x01ai\x01\x00\x00\x00";
    assert_eq!(read(inner).unwrap(), b">\x02\x00\x00\x00>\x02\x00\x00\x00Z\x01aZ\x01bi\x01\x00\x00\x00");
}

#[test]
fn texts_of_one_character_are_as_if_interned() {
    assert_eq!(read(b")\x02z\x01,z\x00").unwrap(), b")\x02Z\x01,Z\x00");
    assert_eq!(read(b"u\x02\x00\x00\x00\xc3\xa9").unwrap(), b"t\x02\x00\x00\x00\xc3\xa9");
    assert_eq!(read(b"z\x02ab").unwrap(), b"z\x02ab");
}

#[test]
fn other_bytes_than_those_of_code_are_refused() {
    for bytes in [
        &b""[..],
        b"NN",
        b"?",
        b"r\x00\x00\x00\x00",
        b"\xa9\x01r\x00\x00\x00\x00",
        b"(\xff\xff\xff\xff",
        b"z\x05abc",
        b"l\x00\x00\x00\x80",
        b"s\xff\xff\xff\xff",
    ] {
        assert_eq!(read(bytes), Err(UnknownForm), "{bytes:?}");
    }
    let nested = |depth: usize| [&b")\x01".repeat(depth)[..], b"N"].concat();
    assert!(read(&nested(DEPTH)).is_ok());
    assert_eq!(read(&nested(DEPTH + 1)), Err(UnknownForm));
    assert_eq!(read(&nested(1_000_000)), Err(UnknownForm));
}

/// Marshalled constants, without references.
fn constants() -> impl Strategy<Value = Vec<u8>> {
    let simple = prop_oneof![
        Just(b"N".to_vec()),
        any::<i32>().prop_map(|number| [b"i", &number.to_le_bytes()[..]].concat()),
        "[a-c]{0,3}".prop_map(|text| [b"Z", &[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()),
    ];
    simple.prop_recursive(4, 32, 4, |inner| {
        (prop::collection::vec(inner, 0..4), any::<bool>()).prop_map(|(items, is_set)| {
            let count = u32::try_from(items.len()).unwrap().to_le_bytes();
            let kind = if is_set { b">" } else { b"(" };
            [kind, &count[..], &items.concat()].concat()
        })
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _either = read(&bytes);
    }

    #[test]
    fn the_form_is_one(constants in constants()) {
        let once = read(&constants).unwrap();
        prop_assert_eq!(read(&once).unwrap(), once);
    }
}
