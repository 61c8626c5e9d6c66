//! The layers, read off the source: what each may name, and that imports point one way.
//!
//! `proto` and `handshake` know no transport, clock or generator, nor each other; `net` knows both,
//! and `server` all three.
//! Inside a layer, whoever is imported stands lower in the picture of its `mod.rs`, so there are no
//! cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The files of a layer: name and text, without comments and without what only tests use.
fn files(layer: &str) -> BTreeMap<String, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(layer);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.extension().is_some_and(|rs| rs == "rs"), "a layer is flat: {path:?}");
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let code = |line: &&str| !line.trim_start().starts_with("//");
        files.insert(name, text.lines().filter(code).collect::<Vec<_>>().join("\n"));
    }
    assert!(files.len() > 5);
    files
}

/// Whether `text` names `path`, not as a part of a longer name.
fn names(text: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + path.len()..].chars().next();
        !before.is_some_and(part) && !behind.is_some_and(part)
    })
}

/// Who imports whom: by `super::x` and `super::{x, y}`.
fn graph(layer: &str) -> Graph {
    let files = files(layer);
    let mut graph = Graph::new();
    for (name, text) in files.iter().filter(|(name, _)| *name != "mod") {
        let mut imports = BTreeSet::new();
        for (at, _) in text.match_indices("super::") {
            let behind = &text[at + 7..];
            let listed: Vec<&str> = match behind.strip_prefix('{') {
                Some(list) => list[..list.find("};").unwrap()].split(',').collect(),
                None => vec![behind],
            };
            for item in listed {
                let end = item.trim().find(|c: char| !c.is_alphanumeric() && c != '_');
                let item = &item.trim()[..end.unwrap_or(item.trim().len())];
                if files.contains_key(item) {
                    imports.insert(item.to_owned());
                }
            }
        }
        graph.insert(name.clone(), imports);
    }
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > 5, "{graph:?}");
    graph
}

#[test]
fn the_pure_layers_know_no_transport_no_clock_and_no_generator() {
    let forbidden = [
        "tokio",
        "std::io",
        "std::net",
        "std::thread",
        "std::fs",
        "std::env",
        "rand",
        "getrandom",
        "Instant::now",
        "SystemTime",
        "async",
        "unsafe",
        "crate::net",
        "crate::server",
        "static mut",
        "println",
    ];
    for (layer, other) in [("proto", "crate::handshake"), ("handshake", "crate::proto")] {
        for (name, text) in files(layer) {
            for path in forbidden.iter().chain([&other]) {
                assert!(!names(&text, path), "{layer}/{name} names {path}");
            }
            let import = text.lines().find(|line| line.contains("use crate"));
            assert_eq!(import, None, "{layer}/{name}");
        }
    }
}

#[test]
fn net_stands_on_both() {
    let all: String = files("net").into_values().collect();
    assert!(names(&all, "crate::proto") && names(&all, "crate::handshake"));
    assert!(!names(&all, "unsafe") && !names(&all, "crate::server"));
}

#[test]
fn server_stands_on_net() {
    let all: String = files("server").into_values().collect();
    assert!(names(&all, "crate::net") && !names(&all, "unsafe"));
}

#[test]
fn imports_make_no_cycle() {
    for layer in ["proto", "handshake", "net", "server"] {
        let mut left = graph(layer);
        // What every file may know; they know of others only the types they speak of.
        for shared in ["config", "error"] {
            left.values_mut().for_each(|imports| {
                imports.remove(shared);
            });
        }
        while !left.is_empty() {
            let free: Vec<_> = left
                .iter()
                .filter(|(_, imports)| imports.iter().all(|import| !left.contains_key(import)))
                .map(|(name, _)| name.clone())
                .collect();
            assert!(!free.is_empty(), "{layer}: a cycle among {left:#?}");
            for name in free {
                left.remove(&name);
            }
        }
    }
}

/// In the picture each file stands on a line of its own height: nobody imports upwards.
#[test]
fn imports_follow_the_picture() {
    for layer in ["proto", "net", "server"] {
        let path = format!("{}/src/{layer}/mod.rs", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let picture = text.split("```").nth(1).unwrap();
        let graph = graph(layer);
        let height = |name: &str| {
            picture.lines().position(|line| {
                // Remarks stand behind the drawing.
                let drawing = line.trim_start_matches("//!");
                let words: Vec<_> = drawing.split("   ").map(str::trim).collect();
                words.iter().any(|word| {
                    word.split(" ─── ")
                        .flat_map(|w| w.split(" ── "))
                        .any(|w| w.trim_matches(|c: char| !c.is_alphanumeric()) == name)
                })
            })
        };
        let mut seen = 0;
        for (name, imports) in &graph {
            let Some(above) = height(name) else { continue };
            for import in imports {
                let Some(below) = height(import) else { continue };
                assert!(above <= below, "{layer}: {name} imports {import}, which stands above it");
                seen += 1;
            }
        }
        assert!(seen > 8, "{layer}: the picture was not read ({seen})");
    }
}
