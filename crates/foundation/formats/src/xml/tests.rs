//! Round trips of XML trees, and documents that are refused.

use super::*;

/// The same tree, lines apart.
fn without_lines(mut element: Element) -> Element {
    element.line = 0;
    element.children = element.children.into_iter().map(without_lines).collect();
    element
}

#[test]
fn trees_read_back() {
    let text = "<?xml version=\"1.0\"?>\n<!-- by hand -->\n<A x=\"1\" y=\"a &amp; &quot;b&quot;&#10;c\">\n  <B>1\n2</B><B/>\n  <C z='&lt;'><D/></C>\n</A>";
    let document = parse(text, "a.xml").unwrap();
    assert_eq!(document.comments, [" by hand "]);
    assert_eq!(document.root.attribute("y"), Some("a & \"b\"\nc"));
    assert_eq!(document.root.child("B").unwrap().text, "1\n2");
    assert_eq!(document.root.child("C").unwrap().line, 6);
    let back = parse(&write(&document), "b.xml").unwrap();
    assert_eq!(without_lines(back.root), without_lines(document.root));
}

#[test]
fn deep_or_broken_documents_are_refused() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(
        parse(&deep, "x")
            .unwrap_err()
            .to_string()
            .contains("nested at most 64"),
        "deep"
    );
    let fine = format!("{}{}", "<a>".repeat(60), "</a>".repeat(60));
    assert!(parse(&fine, "x").is_ok());
    for bad in [
        "",
        "<a>",
        "<a></b>",
        "<a x=1/>",
        "text",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
    ] {
        assert!(parse(bad, "x").is_err(), "{bad}");
    }
}

#[test]
fn crowds_of_attributes_are_refused_quickly() {
    let attributes = |count: usize| {
        (0..count)
            .map(|i| format!(" b{i}=\"=>\""))
            .collect::<Vec<_>>()
            .concat()
    };
    let text = |count| {
        format!(
            "<?xml version='1.0'?><!-- it's <a = -->\n<a{}>it's</a>",
            attributes(count)
        )
    };
    assert_eq!(
        parse(&text(ATTRIBUTE_LIMIT), "t")
            .unwrap()
            .root
            .attributes
            .len(),
        ATTRIBUTE_LIMIT
    );
    let error = parse(&text(200_000), "t").unwrap_err().to_string();
    assert!(
        error.starts_with("t:2: expected at most 4096 attributes"),
        "{error}"
    );
    for cut in ["<", "<a b=\"", "<!--", "<a =", "<![CDATA[", "<?"] {
        assert!(parse(cut, "t").is_err(), "{cut}");
    }
}
