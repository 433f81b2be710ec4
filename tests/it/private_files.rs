//! What lies in the data folder is for the program's own user, and a program that may not listen
//! leaves nothing there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cli::{Serve, complaint, create, json_of, run};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The folder and everything in it.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_path_buf()];
    if folder.is_dir() {
        for entry in fs_err::read_dir(folder).unwrap() {
            found.extend(everything(&entry.unwrap().path()));
        }
    }
    found
}

fn readable_by_others(folder: &Path) -> Vec<(PathBuf, u32)> {
    everything(folder).into_iter().map(|path| (path.clone(), mode(&path))).filter(|(_, mode)| mode & 0o077 != 0).collect()
}

fn logged(dir: &Path) -> String {
    let files = everything(&dir.join("logs"));
    files.iter().filter(|path| path.is_file()).map(|path| fs_err::read_to_string(path).unwrap()).collect()
}

#[test]
fn nobody_else_can_read_the_data_and_what_was_readable_is_told_once() {
    const TOLD: &str = "these are private now";
    let folder = tempfile::tempdir().unwrap();
    // The folder was there before, as other programs make them.
    let dir = folder.path().join("data");
    fs_err::create_dir(&dir).unwrap();
    fs_err::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = dir.to_str().unwrap();
    // With the umask that most systems give.
    let start = || Serve::start_by(text, &["sh", "-c", "umask 022; exec \"$0\" \"$@\""]);
    let server = start();
    assert!(dir.join("setup-code").exists());
    assert_eq!(readable_by_others(&dir), []);
    server.terminate();
    assert_eq!(logged(&dir).matches(TOLD).count(), 1, "the folder itself: {}", logged(&dir));

    // As older versions left them. The master key is not among them: a readable one is refused.
    fs_err::create_dir_all(dir.join("snapshots")).unwrap();
    fs_err::write(dir.join("snapshots/before-schema-1-from-0.redb"), b"old").unwrap();
    let loose = everything(&dir).into_iter().filter(|path| !path.ends_with("master.key"));
    for path in loose {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let server = start();
    assert_eq!(readable_by_others(&dir), []);
    server.terminate();
    let log = logged(&dir);
    assert_eq!(log.matches(TOLD).count(), 2, "{log}");
    let line = log.lines().rfind(|line| line.contains(TOLD)).unwrap();
    for name in ["eggmoney.redb (644)", "before-schema-1-from-0.redb (644)", "logs (755)", "data (755)"] {
        assert!(line.contains(name), "{line} lacks {name}");
    }
    start().terminate();
    assert_eq!(logged(&dir).matches(TOLD).count(), 2, "nothing is left to tell");
}

#[test]
fn commands_without_a_server_make_private_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("deep/data");
    json_of(create(dir.to_str().unwrap(), "anna", "admin"));
    assert_eq!(readable_by_others(&dir), []);
}

#[test]
fn a_program_that_may_not_listen_leaves_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo"] {
        let folder = tempfile::tempdir().unwrap();
        let (new, empty) = (folder.path().join("new/data"), folder.path().join("empty"));
        fs_err::create_dir(&empty).unwrap();
        for dir in [&new, &empty] {
            let text = complaint(run(&[command, "--data-dir", dir.to_str().unwrap(), "--listen", &address], ""));
            assert!(text.contains("is in use") && text.contains("--listen"), "{text}");
        }
        assert_eq!(everything(folder.path()), [folder.path().to_path_buf(), empty], "{command}");
    }
}
