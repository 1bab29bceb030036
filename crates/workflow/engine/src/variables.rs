//! `${name}` in pipeline files.

use std::collections::BTreeMap;

use serde_json::Value;

/// Replaces `${name}` in all texts of a value; a text that is nothing but one variable takes its type, and in a list the place of
/// one entry or of several.
///
/// # Errors
/// The name of a variable that is not set.
pub(crate) fn substitute(
    value: &Value,
    variables: &BTreeMap<String, Value>,
) -> Result<Value, String> {
    match value {
        Value::String(text) => in_text(text, variables),
        Value::Array(list) => {
            let mut replaced = Vec::new();
            for entry in list {
                match (entry, substitute(entry, variables)?) {
                    // A list that a variable stands for takes its place among the others.
                    (Value::String(_), Value::Array(several)) => replaced.extend(several),
                    (_, one) => replaced.push(one),
                }
            }
            Ok(Value::Array(replaced))
        }
        Value::Object(map) => {
            let replaced = map
                .iter()
                .map(|(k, v)| Ok((k.clone(), substitute(v, variables)?)));
            replaced
                .collect::<Result<serde_json::Map<_, _>, String>>()
                .map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

fn in_text(text: &str, variables: &BTreeMap<String, Value>) -> Result<Value, String> {
    let value = |name: &str| variables.get(name).ok_or_else(|| name.to_owned());
    if let Some(name) = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        && !name.contains('}')
    {
        return value(name).cloned();
    }
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        replaced.push_str(before);
        match value(name)? {
            Value::String(text) => replaced.push_str(text),
            other => replaced.push_str(&other.to_string()),
        }
        rest = tail;
    }
    replaced.push_str(rest);
    Ok(Value::String(replaced))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_keep_their_type_when_alone() {
        let variables = BTreeMap::from([("n".into(), json!(3)), ("dir".into(), json!("data"))]);
        let value = json!({ "count": "${n}", "paths": ["${dir}/TS_${n}.mrc"], "other": 1.5 });
        let expected = json!({ "count": 3, "paths": ["data/TS_3.mrc"], "other": 1.5 });
        assert_eq!(substitute(&value, &variables), Ok(expected));
        let several = BTreeMap::from([("files".into(), json!(["a", "b"]))]);
        assert_eq!(
            substitute(&json!(["${files}", "c"]), &several),
            Ok(json!(["a", "b", "c"]))
        );
        assert_eq!(
            substitute(&json!("${missing}"), &variables),
            Err("missing".into())
        );
        assert_eq!(
            substitute(&json!("cost ${ 5"), &variables),
            Ok(json!("cost ${ 5"))
        );
    }
}
