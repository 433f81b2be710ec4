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
    let shim = format!("#!/bin/sh\nif [ \"$1\" = -al ]; then mkdir -p \"$3/a/b\"; exit 1; fi\nexec {} \"$@\"\n", real("cp"));
    fs_err::write(shims.join("cp"), shim).unwrap();
    fs_err::set_permissions(shims.join("cp"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", shims.display(), std::env::var("PATH").unwrap());

    let script = format!("{lib}; {key}; {fill}; ui_packages");
    let output = Command::new("bash").args(["-c", &script]).env("EGGMONEY_CACHE", &cache).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files_under(&clone.join("ui/node_modules")), ["a/b/c.js"]);
}

/// Sources the scripts' library with only these programs in the path, each a link to the real one or a
/// text of its own, and runs a command of it. Gives what it complains about.
fn complaint(programs: &[(&str, Option<&str>)], command: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (clone, bin) = (folder.path().join("clone"), folder.path().join("bin"));
    clone_into(&clone);
    fs_err::create_dir_all(&bin).unwrap();
    for (name, text) in programs {
        let shim = match text {
            Some(text) => format!("#!/bin/sh\n{text}\n"),
            None => format!("#!/bin/sh\nexec {} \"$@\"\n", real(name)),
        };
        fs_err::write(bin.join(name), shim).unwrap();
        fs_err::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = format!("source '{}'; {command}", clone.join("scripts/lib.sh").display());
    let output = Command::new(real("bash")).args(["-c", &script]).env("EGGMONEY_CACHE", folder.path()).env("PATH", &bin).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Where a program lies.
fn real(name: &str) -> String {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_a_machine_lacks_is_named_with_the_remedy() {
    let base = [("dirname", None), ("mkdir", None), ("grep", None), ("git", Some(""))];
    let with = |more: &[(&'static str, Option<&'static str>)]| [&base[..], more].concat();
    let tools = |more: &[(&'static str, Option<&'static str>)]| complaint(&with(more), "require_tools");
    let cargo = ("cargo", Some(""));
    let node = ("node", Some("echo 24"));
    assert!(tools(&[]).contains("Rust is missing: install rustup"));
    assert!(tools(&[cargo]).contains("Node.js 20 or newer is missing"));
    let old = tools(&[cargo, ("node", Some("[ \"$1\" = -p ] && echo 18 || echo v18.19.0"))]);
    assert!(old.contains("Node.js v18.19.0 is too old: install 20 or newer"), "{old}");
    assert!(tools(&[cargo, node]).contains("npm is missing"));
    // Nobody special, without sudo, on a machine whose packages are not there.
    let nobody = [cargo, node, ("npm", Some("")), ("id", Some("echo 1000")), ("dpkg-query", Some("exit 1"))];
    assert!(tools(&nobody).contains("please install: gcc libc6-dev"));
    let debian = tools(&[&nobody[..], &[("apt-get", Some("exit 1"))]].concat());
    assert!(debian.contains("Run 'apt-get install gcc libc6-dev' as root"), "{debian}");
    let hidden = tools(&[cargo, node, ("npm", Some("")), ("dpkg-query", Some("echo install ok installed"))]);
    assert!(hidden.contains("no C compiler is in the PATH"), "{hidden}");
}
