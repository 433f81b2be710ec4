//! The scripts' own logic, where a machine could surprise it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A clone with nothing but the scripts and a lock file.
fn clone_into(root: &Path) {
    for (from, to) in [("scripts/lib.sh", "scripts/lib.sh"), ("ui/package-lock.json", "ui/package-lock.json")] {
        let to = root.join(to);
        fs_err::create_dir_all(to.parent().unwrap()).unwrap();
        fs_err::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(from), to).unwrap();
    }
}

fn files_under(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let inner = files_under(&path);
            let name = path.file_name().unwrap().to_str().unwrap();
            found.extend(inner.into_iter().map(|f| format!("{name}/{f}")));
        } else {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn packages_arrive_whole_where_the_cache_cannot_be_linked_to() {
    let folder = tempfile::tempdir().unwrap();
    let (clone, cache, shims) = (folder.path().join("clone"), folder.path().join("cache"), folder.path().join("shims"));
    clone_into(&clone);
    let source = clone.join("scripts/lib.sh");
    let lib = format!("source '{}'", source.display());
    // A complete package folder, under the name that the script computes.
    let fill =
        "mkdir -p \"$CACHE/ui-$key/node_modules/a/b\" && touch \"$CACHE/ui-$key/.complete\" \"$CACHE/ui-$key/node_modules/a/b/c.js\"";
    let key = "key=\"$(sha256sum \"$ROOT/ui/package-lock.json\" | cut -c1-16)\"";
    // Between file systems the links fail after the folders were made.
    fs_err::create_dir_all(&shims).unwrap();
    let real = String::from_utf8(Command::new("sh").args(["-c", "command -v cp"]).output().unwrap().stdout).unwrap();
    let shim = format!("#!/bin/sh\nif [ \"$1\" = -al ]; then mkdir -p \"$3/a/b\"; exit 1; fi\nexec {} \"$@\"\n", real.trim());
    fs_err::write(shims.join("cp"), shim).unwrap();
    fs_err::set_permissions(shims.join("cp"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", shims.display(), std::env::var("PATH").unwrap());

    let script = format!("{lib}; {key}; {fill}; ui_packages");
    let output = Command::new("bash").args(["-c", &script]).env("EGGMONEY_CACHE", &cache).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files_under(&clone.join("ui/node_modules")), ["a/b/c.js"]);
}
