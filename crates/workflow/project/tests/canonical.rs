//! Canonical JSON, digests and content keys.
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use thon_project::canonical::{differences, sort_keys, to_string};
use thon_project::{ContentKey, Digest, UnitIdentity};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |float| float.is_finite())
            .prop_map(Value::from),
        (-1000..1000i32).prop_map(|whole| Value::from(f64::from(whole))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same value with the keys of every object in reverse order.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(reversed).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .rev()
                .map(|(key, inner)| (key.clone(), reversed(inner)))
                .collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn text_reads_back_as_the_same_value_and_is_its_own_canonical_text(value in value()) {
        let text = to_string(&value);
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(to_string(&back), text);
        prop_assert!(differences(&value, &back).is_empty());
    }

    #[test]
    fn order_of_keys_affects_nothing(value in value()) {
        let other = reversed(&value);
        prop_assert_eq!(to_string(&value), to_string(&other));
        prop_assert_eq!(ContentKey::of(&value), ContentKey::of(&other));
        let (mut left, mut right) = (value, other);
        sort_keys(&mut left);
        sort_keys(&mut right);
        prop_assert_eq!(left.to_string(), right.to_string());
    }

    #[test]
    fn different_values_have_different_texts_and_named_differences(left in value(), right in value()) {
        let equal = to_string(&left) == to_string(&right);
        prop_assert_eq!(differences(&left, &right).is_empty(), equal);
        prop_assert_eq!(Digest::of_value(&left) == Digest::of_value(&right), equal);
    }

    #[test]
    fn digest_of_a_stream_is_that_of_the_bytes(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        let (length, digest) = Digest::of_reader(&mut &bytes[..]).unwrap();
        prop_assert_eq!((length, digest), (bytes.len() as u64, Digest::of_bytes(&bytes)));
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    }
}

#[test]
fn numbers_are_one_text_per_value() {
    assert_eq!(
        to_string(&json!([10.0, 10, -0.0, 0, 0.1, 1e300, 1.5e-9])),
        "[10,10,0,0,0.1,1e300,1.5e-9]"
    );
    assert_eq!(
        to_string(&json!({ "b": 1, "a": { "d": "ü\n", "c": null } })),
        r#"{"a":{"c":null,"d":"ü\n"},"b":1}"#
    );
}

#[test]
fn known_digest_and_known_key() {
    // BLAKE3 of nothing, from the reference test vectors of BLAKE3.
    assert_eq!(
        Digest::of_bytes(b"").to_string(),
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    );
    // The definition of the key, spelled out: a change here makes every cache miss.
    let text = "thon unit 1\n{\"inputs\":{\"a\":1},\"operation\":\"x.y\",\"parameters\":{},\"part\":null,\"seed\":7,\"version\":2}";
    let identity = identity();
    assert_eq!(
        identity.key().to_string(),
        Digest::of_bytes(text.as_bytes()).to_string()
    );
    assert!(
        "AF1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
            .parse::<Digest>()
            .is_err()
    );
    assert!("af".parse::<Digest>().is_err());
}

fn identity() -> UnitIdentity {
    UnitIdentity {
        operation: "x.y".into(),
        version: 2,
        parameters: json!({}),
        inputs: json!({ "a": 1 }),
        seed: Some(7),
        part: Value::Null,
    }
}

#[test]
fn every_field_of_an_identity_changes_the_key_and_is_named() {
    let first = identity();
    let changes: [(&str, UnitIdentity); 6] = [
        (
            "operation",
            UnitIdentity {
                operation: "x.z".into(),
                ..identity()
            },
        ),
        (
            "version",
            UnitIdentity {
                version: 3,
                ..identity()
            },
        ),
        (
            "parameters/size",
            UnitIdentity {
                parameters: json!({ "size": 4 }),
                ..identity()
            },
        ),
        (
            "inputs/a",
            UnitIdentity {
                inputs: json!({ "a": 2 }),
                ..identity()
            },
        ),
        (
            "seed",
            UnitIdentity {
                seed: None,
                ..identity()
            },
        ),
        (
            "part",
            UnitIdentity {
                part: json!(1),
                ..identity()
            },
        ),
    ];
    for (field, other) in changes {
        assert_ne!(other.key(), first.key(), "{field}");
        let found = other.differences(&first);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, field);
    }
    assert!(first.differences(&identity()).is_empty());
}
