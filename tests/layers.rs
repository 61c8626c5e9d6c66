//! The layers, read off the source: what each may name, and that imports point down.
//!
//! Every file of `src` is read, in whatever folder it lies. An import is a `use` or a path in the
//! code that begins with `crate::` or `super::`; what only tests use does not count. A file `x_off.rs`
//! stands in for `x.rs` in builds without a feature, so both are one file here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms from the top down: a file imports from its own room and from those below it.
///
/// A layer's own `mod.rs` is a room by itself, above the folders of the layer: it says what is public.
const ORDER: &[(&str, u32)] = &[
    ("lib", 0),
    // Pages, and no code.
    ("guide", 1),
    ("server", 1),
    // Beside the server: neither knows the other.
    ("hyper", 1),
    ("net", 2),
    ("net/reconnect", 3),
    ("net/opening", 4),
    // What is said to proxies, and no I/O.
    ("net/opening/proxy", 5),
    ("net/http2", 5),
    ("net/json", 5),
    ("net/split", 6),
    ("net/socket", 7),
    ("net/buffers", 8),
    // What all of `net` may know: configuration, errors, keys.
    ("net/*", 9),
    ("proto", 10),
];

/// This one knows nobody, and `proto` does not know it either.
const BESIDE_PROTO: &str = "handshake";

type Graph = BTreeMap<String, BTreeSet<String>>;

struct File {
    /// As in paths: `["net", "split", "halves"]`; of a `mod.rs`, its folder's.
    module: Vec<String>,
    is_mod: bool,
    /// Without comments and without what only tests use.
    text: String,
}

impl File {
    fn name(&self) -> String {
        if self.module.is_empty() { "lib".to_owned() } else { self.module.join("/") }
    }

    fn room(&self) -> String {
        let folder = &self.module[..self.module.len() - usize::from(!self.is_mod)];
        match (folder.join("/").as_str(), self.is_mod) {
            ("", _) => "lib".to_owned(),
            ("net", false) => "net/*".to_owned(),
            (folder, _) => folder.to_owned(),
        }
    }
}

fn files() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut files: Vec<File> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert!(path.extension().is_some_and(|rs| rs == "rs"), "no source: {path:?}");
            let relative = path.strip_prefix(&src).unwrap().with_extension("");
            let mut module: Vec<String> =
                relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            let is_mod = module.last().unwrap() == "mod" || module == ["lib"];
            if is_mod {
                module.pop();
            } else if let Some(on) = module.last().unwrap().strip_suffix("_off") {
                let on = on.to_owned();
                *module.last_mut().unwrap() = on;
            }
            let text = code(&fs::read_to_string(path).unwrap());
            files.push(File { module, is_mod, text });
        }
    }
    assert!(files.len() > 50);
    files
}

/// The files of a layer, at any depth.
fn layer(name: &str) -> Vec<File> {
    let mut files = files();
    files.retain(|file| file.module.first().is_some_and(|first| first == name));
    assert!(files.len() > 5, "{name}");
    files
}

/// The text without comments and without what only tests use. It is formatted by rustfmt: an item ends
/// with a brace that is indented like its first line.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") {
            continue;
        }
        if trimmed.starts_with("#[cfg(test)]") {
            let indent = &line[..line.len() - trimmed.len()];
            let rest = lines.by_ref().skip_while(|line| line.trim_start().starts_with("#["));
            let close = format!("{indent}}}");
            for (at, line) in rest.enumerate() {
                let ends = line.ends_with(';') || line.ends_with(',') || line.ends_with('}');
                if line.starts_with(&close) || (at == 0 && ends) {
                    break;
                }
            }
            continue;
        }
        code.push_str(line.split(" // ").next().unwrap());
        code.push('\n');
    }
    code
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `text` names `path`, not as a part of a longer name.
fn names(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + path.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The paths of a use tree at the beginning of `text`, `a::{b, c::d}`, and what follows it.
fn tree<'a>(text: &'a str, before: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    let mut text = text.trim_start();
    loop {
        if let Some(mut list) = text.strip_prefix('{') {
            loop {
                list = list.trim_start();
                if let Some(rest) = list.strip_prefix('}') {
                    return rest;
                }
                list = tree(list, &path, paths).trim_start();
                // `as name`
                let end = list.find([',', '}']).unwrap();
                list = list[end..].strip_prefix(',').unwrap_or(&list[end..]);
            }
        }
        let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
        path.push(text[..end].to_owned());
        text = &text[end..];
        match text.strip_prefix("::") {
            Some(rest) => text = rest.trim_start(),
            None => {
                paths.push(path);
                return text;
            }
        }
    }
}

/// All that a file imports or names by a path, as written.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for start in ["use ", "crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = &text[..at];
            // `in crate::net` is a visibility; `super::super::x` and `use super::x` count once.
            if before.ends_with("in ")
                || before.ends_with("::")
                || before.ends_with("use ")
                || before.chars().next_back().is_some_and(is_part)
            {
                continue;
            }
            let path = if start == "use " { &text[at + 4..] } else { &text[at..] };
            tree(path, &[], &mut paths);
        }
    }
    paths
}

/// Who imports whom, over all files.
fn graph(files: &[File]) -> Graph {
    let modules: BTreeMap<&[String], String> =
        files.iter().map(|file| (&*file.module, file.name())).collect();
    let mut graph = Graph::new();
    for file in files {
        let imports = graph.entry(file.name()).or_default();
        for path in paths(&file.text) {
            let mut full = match path[0].as_str() {
                "crate" => Vec::new(),
                "super" | "self" => file.module.clone(),
                // In a `mod.rs`: a module that it declares.
                first if file.is_mod && names(&file.text, &format!("mod {first}")) => {
                    file.module.clone()
                }
                _ => continue,
            };
            for part in &path {
                match part.as_str() {
                    "crate" | "self" => {}
                    "super" => drop(full.pop()),
                    name => full.push(name.to_owned()),
                }
            }
            // The longest part of the path that is a file; the rest lies within it.
            let import = (0..=full.len()).rev().find_map(|end| modules.get(&full[..end])).unwrap();
            if *import != file.name() {
                imports.insert(import.clone());
            }
        }
    }
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > 150, "{graph:?}");
    graph
}

#[test]
fn the_pure_layers_know_no_transport_no_clock_and_no_generator() {
    let forbidden = [
        "tokio",
        "mio",
        "std::io",
        "std::net",
        "std::os",
        "std::thread",
        "std::fs",
        "std::env",
        "std::process",
        "rand",
        "getrandom",
        "Instant::now",
        "SystemTime",
        "async",
        "unsafe",
        "static mut",
        "println",
        "crate::net",
        "crate::server",
        "crate::hyper",
        "hyper",
        "h2",
    ];
    for (name, other) in [("proto", "crate::handshake"), ("handshake", "crate::proto")] {
        for file in layer(name) {
            // `use std::{io, net}` is spelt out.
            let spelt: Vec<String> = paths(&file.text).iter().map(|path| path.join("::")).collect();
            for path in forbidden.iter().chain([&other]) {
                let named = names(&file.text, path) || spelt.iter().any(|spelt| names(spelt, path));
                assert!(!named, "{} names {path}", file.name());
            }
            let import = file.text.lines().find(|line| line.contains("use crate"));
            assert_eq!(import, None, "{}", file.name());
        }
    }
}

#[test]
fn net_stands_on_both() {
    let all: String = layer("net").into_iter().map(|file| file.text).collect();
    assert!(names(&all, "crate::proto") && names(&all, "crate::handshake"));
    assert!(!names(&all, "unsafe") && !names(&all, "crate::server"));
}

#[test]
fn server_and_hyper_stand_on_net_side_by_side() {
    for (name, other) in [("server", "crate::hyper"), ("hyper", "crate::server")] {
        let all: String = layer(name).into_iter().map(|file| file.text).collect();
        assert!(names(&all, "crate::net") && !names(&all, "unsafe") && !names(&all, other));
    }
}

#[test]
fn imports_go_down_only_from_room_to_room() {
    let files = files();
    let rooms: BTreeMap<String, String> =
        files.iter().map(|file| (file.name(), file.room())).collect();
    let rank = |room: &str| {
        let room = if room == BESIDE_PROTO { "proto" } else { room };
        let at = |(name, rank): &(&str, u32)| (*name == room).then_some(*rank);
        ORDER.iter().find_map(at).unwrap_or_else(|| panic!("where is {room}?"))
    };
    let mut seen = 0;
    for (file, imports) in graph(&files) {
        let above = &rooms[&file];
        rank(above);
        for import in imports {
            let below = &rooms[&import];
            let down = above == below || rank(above) < rank(below);
            assert!(down, "{file} in {above} imports {import} in {below}");
            seen += u32::from(above != below);
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn imports_make_no_cycle() {
    let mut left = graph(&files());
    while !left.is_empty() {
        let free: Vec<_> = left
            .iter()
            .filter(|(_, imports)| imports.iter().all(|import| !left.contains_key(import)))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            // What nobody who is left imports stands above the cycle, not in it.
            let imported: BTreeSet<_> = left.values().flatten().cloned().collect();
            left.retain(|name, _| imported.contains(name));
            panic!("a cycle among {left:#?}");
        }
        for name in free {
            left.remove(&name);
        }
    }
}

/// A name means one thing, whichever module it is imported from.
#[test]
fn no_two_public_types_share_a_name() {
    let mut origins: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files().into_iter().filter(|file| file.is_mod && !file.module.is_empty()) {
        for (at, _) in file.text.match_indices("pub use ") {
            let mut items = Vec::new();
            tree(&file.text[at + "pub use ".len()..], &[], &mut items);
            for mut path in items {
                // What another layer has made public counts there.
                if path[0] == "crate" {
                    continue;
                }
                let name = path.pop().unwrap();
                if name.starts_with(char::is_uppercase) {
                    let origin = [&file.module[..], &path].concat().join("::");
                    let origins = origins.entry(name).or_default();
                    if !origins.contains(&origin) {
                        origins.push(origin);
                    }
                }
            }
        }
    }
    assert!(origins.len() > 80, "{}", origins.len());
    origins.retain(|_, origins| origins.len() > 1);
    assert!(origins.is_empty(), "{origins:#?}");
}

/// In the picture each file stands on a line of its own height: nobody imports upwards.
#[test]
fn imports_follow_the_picture() {
    let files = files();
    let graph = graph(&files);
    for room in [
        "proto",
        "net/reconnect",
        "net/opening",
        "net/opening/proxy",
        "net/split",
        "net/socket",
        "net/buffers",
        "server",
    ] {
        // The pages of the public layers are for users: their pictures are in ARCHITECTURE.md.
        let (path, heading) = match room.contains('/') {
            true => (format!("src/{room}/mod.rs"), String::new()),
            false => ("ARCHITECTURE.md".to_owned(), format!("\n## `{room}`")),
        };
        let text = fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let (_, section) = text.split_once(&heading).unwrap_or_else(|| panic!("no {heading:?}"));
        let picture = section.split("```").nth(1);
        let picture = picture.unwrap_or_else(|| panic!("{room} has no picture"));
        let height = |name: &str| {
            picture.lines().position(|line| {
                // Remarks stand to the right of the drawing.
                let drawing = line.trim_start_matches("//!").trim_start_matches("//");
                let words: Vec<_> = drawing.split("   ").map(str::trim).collect();
                words.iter().any(|word| {
                    word.split(" ─── ")
                        .flat_map(|w| w.split(" ── "))
                        .flat_map(|w| w.split("  "))
                        .any(|w| w.trim_matches(|c: char| !c.is_alphanumeric()) == name)
                })
            })
        };
        let of_room =
            |name: &&String| name.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
        let last = |name: &str| name.rsplit('/').next().unwrap().to_owned();
        let mut seen = 0;
        for name in graph.keys().filter(of_room) {
            let Some(above) = height(&last(name)) else { continue };
            for import in graph[name].iter().filter(of_room) {
                let Some(below) = height(&last(import)) else { continue };
                assert!(above <= below, "{name} imports {import}, which stands above it");
                seen += 1;
            }
        }
        let least = if room.contains('/') { 1 } else { 8 };
        assert!(seen > least, "{room}: the picture was not read ({seen})");
    }
}

/// Cargo skips a test file that no package lists, and says nothing of it.
#[test]
fn every_test_belongs_to_a_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifests = ["Cargo.toml", "crates/echo-server/Cargo.toml"];
    let listed: String =
        manifests.map(|path| fs::read_to_string(root.join(path)).unwrap()).concat();
    let mut seen = 0;
    for entry in fs::read_dir(root.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let path = if path.is_dir() { path.join("main.rs") } else { path };
        if path.extension().is_some_and(|rs| rs == "rs") && path.exists() {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            assert!(listed.contains(&format!("{name}\"\n")), "no package has the test {name}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
