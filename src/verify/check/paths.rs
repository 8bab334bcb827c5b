//! Names that do not work everywhere: on another system, in a case-insensitive folder, in a long one.
//!
//! What Windows refuses stands in its page "Naming Files, Paths, and Namespaces".

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, File};

/// Characters of a path; Windows has 260 with the folder that the checkout is in.
const PATH_CHARACTERS_MAX: usize = 200;

/// Bytes of a name, in most file systems.
const NAME_BYTES_MAX: usize = 255;

/// Names that Windows keeps for devices, with any ending.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

pub(super) fn look(files: &[File], others: &[String]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = files.iter().flat_map(|file| one(&file.path)).collect();
    faults.extend(clashes(files, others));
    faults
}

fn fault(code: &'static str, path: &str, message: String) -> Fault {
    Fault { code, path: path.to_owned(), line: None, columns: None, message, fixable: false }
}

fn one(path: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut say = |code, message| faults.push(fault(code, path, message));
    if path.contains('\\') {
        say("path-separator", "`\\` separates folders on other systems; write `/`".to_owned());
    }
    let drive = |name: &str| name.len() >= 2 && name.as_bytes()[0].is_ascii_alphabetic() && name.as_bytes()[1] == b':';
    if path.split(['/', '\\']).any(drive) {
        say("path-drive", "it begins like a drive letter".to_owned());
    } else if let Some(bad) = path.chars().find(|char| "<>:\"|?*".contains(*char) || char.is_control()) {
        say("path-character", format!("`{}` cannot stand in a name on Windows", bad.escape_default()));
    }
    for name in path.split('/') {
        let stem = name.split('.').next().unwrap_or_default().to_lowercase();
        if RESERVED.contains(&stem.as_str()) {
            say("path-reserved", format!("`{name}` is a device on Windows"));
        }
        if name.ends_with(['.', ' ']) {
            say("path-end", format!("`{name}` ends in a blank or a dot, which Windows drops"));
        }
        if name.len() > NAME_BYTES_MAX {
            say("path-length", format!("a name of {} bytes; {NAME_BYTES_MAX} are allowed", name.len()));
        }
    }
    let length = path.chars().count();
    if length > PATH_CHARACTERS_MAX {
        say("path-length", format!("{length} characters; {PATH_CHARACTERS_MAX} are safe on all systems"));
    }
    faults
}

/// Two names that are one where capitals do not count; folders clash, too.
fn clashes(files: &[File], others: &[String]) -> Vec<Fault> {
    let mut spellings: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for path in others.iter().chain(files.iter().map(|file| &file.path)) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            spellings.entry(path[..end].to_lowercase()).or_default().insert(&path[..end]);
        }
    }
    let clash = |file: &File| {
        let ends = file.path.match_indices('/').map(|(at, _)| at).chain([file.path.len()]);
        let mut places = ends.filter_map(|end| {
            let own = &file.path[..end];
            let other = spellings[&own.to_lowercase()].iter().find(|spelling| **spelling != own)?;
            Some(format!("`{own}` and `{other}` are one name where capitals do not count"))
        });
        places.next().map(|message| fault("path-case", &file.path, message))
    };
    files.iter().filter_map(clash).collect()
}

#[cfg(test)]
mod tests {
    use super::{File, look};

    fn codes(path: &str, others: &[&str]) -> Vec<&'static str> {
        let file = File { path: path.into(), bytes: Vec::new() };
        let others: Vec<String> = others.iter().map(|path| (*path).to_owned()).collect();
        look(&[file], &others).into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn names_that_do_not_work_everywhere() {
        assert_eq!(codes("src\\a.py", &[]), ["path-separator"]);
        assert_eq!(codes("C:/a.py", &[]), ["path-drive"]);
        assert_eq!(codes("C:\\a.py", &[]), ["path-separator", "path-drive"]);
        assert_eq!(codes("a?.py", &[]), ["path-character"]);
        assert_eq!(codes("src/Aux.py", &[]), ["path-reserved"]);
        assert_eq!(codes("src./a.py", &[]), ["path-end"]);
        assert_eq!(codes(&"a/".repeat(101), &[]), ["path-length"]);
        assert_eq!(codes("src/readme.md", &["src/README.md"]), ["path-case"]);
        assert_eq!(codes("src/a.py", &["Src/b.py"]), ["path-case"]);
        assert_eq!(codes("src/a.py", &["src/a.py", "src/b.py", "docs/a.py"]), [""; 0]);
    }
}
