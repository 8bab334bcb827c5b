//! Which hooks and settings make git run a program, or look elsewhere, for whoever uses it next.
//!
//! The settings are those of git-config(1) that name a command, a file of further settings, or another place.

use std::path::Path;

use crate::base::digest::Digest;
use crate::git::folder;

/// Sections of which every setting counts.
const SECTIONS: [&str; 18] = [
    "alias",
    "browser",
    "credential",
    "difftool",
    "extensions",
    "filter",
    "gpg",
    "hook",
    "include",
    "includeif",
    "instaweb",
    "man",
    "mergetool",
    "pager",
    "protocol",
    "safe",
    "trailer",
    "url",
];
/// Settings by section and name; a subsection between them may be anything.
const SETTINGS: [(&str, &str); 24] = [
    ("core", "alternaterefscommand"),
    ("core", "askpass"),
    ("core", "attributesfile"),
    ("core", "bare"),
    ("core", "editor"),
    ("core", "fsmonitor"),
    ("core", "gitproxy"),
    ("core", "hookspath"),
    ("core", "pager"),
    ("core", "repositoryformatversion"),
    ("core", "sshcommand"),
    ("core", "worktree"),
    ("diff", "command"),
    ("diff", "external"),
    ("diff", "textconv"),
    ("interactive", "difffilter"),
    ("merge", "driver"),
    ("remote", "receivepack"),
    ("remote", "uploadpack"),
    ("remote", "vcs"),
    ("sendemail", "smtpserver"),
    ("sequence", "editor"),
    ("submodule", "update"),
    ("uploadpack", "packobjectshook"),
];

/// Whether something that was added or changed, as the fence calls it, will be run or followed.
pub(super) fn arms(what: &str) -> bool {
    if let Some(hook) = what.strip_prefix("hooks/") {
        return !hook.ends_with(".sample");
    }
    let Some(setting) = what.strip_prefix("config ") else {
        return what == "config" || what == "objects/info/alternates";
    };
    let section = setting.split('.').next().unwrap_or_default();
    let name = setting.rsplit('.').next().unwrap_or_default();
    SECTIONS.contains(&section) || SETTINGS.contains(&(section, name))
}

/// Every setting of a file as `config core.bare`, names in lower case, with a digest of its values; the file itself
/// where it cannot be read.
pub(super) fn settings(file: &str, path: &Path) -> Vec<(String, String)> {
    let Some(bytes) = folder::read_plain(path) else {
        let there = path.symlink_metadata().is_ok();
        return if there { vec![(file.to_owned(), "no file".to_owned())] } else { Vec::new() };
    };
    let metadata = gix::config::file::Metadata::default();
    let Ok(parsed) = gix::config::File::from_bytes_no_includes(&bytes, metadata, Default::default()) else {
        return vec![(file.to_owned(), Digest::of(&bytes).hex())];
    };
    let mut found: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for section in parsed.sections() {
        let header = section.header();
        let sub = header.subsection_name().map(|sub| format!("{sub}.")).unwrap_or_default();
        for name in section.body().value_names() {
            let setting = format!("{}.{sub}{name}", header.name()).to_lowercase();
            let values = section.body().values(&name.to_string());
            let text = values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            let all = found.entry(format!("config {setting}")).or_default();
            all.push_str(&Digest::of(text.as_bytes()).hex());
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::arms;

    #[test]
    fn what_runs_or_leads_elsewhere() {
        let armed = [
            "hooks/pre-commit",
            "config core.fsmonitor",
            "config filter.x.clean",
            "config alias.st",
            "config diff.x.textconv",
            "config merge.a.b.driver",
            "config",
            "objects/info/alternates",
        ];
        let harmless = [
            "hooks/pre-commit.sample",
            "config branch.main.remote",
            "config remote.origin.url",
            "config user.name",
            "info/exclude",
            "ref refs/heads/x",
            "HEAD",
        ];
        assert_eq!(armed.map(arms), [true; 8]);
        assert_eq!(harmless.map(arms), [false; 7]);
    }
}
