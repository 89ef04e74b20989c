//! Which packages may be used: `deny.toml` in cargo-deny's format, read by an own small program (docs/adr/0005).
//!
//! Checked: the licence of every package in the lock file on every platform, its source, and banned packages. A wrapper
//! of a C library (`libsqlite3-sys`) is banned in more than one version, because two of them do not link, or do, and
//! then fight over one file.

use crate::{Report, spdx};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The part of cargo-deny's configuration that is checked here; another key is an error, so that none is believed in
/// vain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licences {
    /// SPDX names.
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    /// `allow`: two versions of a package are no finding by themselves.
    multiple_versions: Word,
    #[serde(default)]
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    package: String,
    /// Only more than one version is banned.
    #[serde(default)]
    deny_multiple_versions: bool,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Word,
    unknown_git: Word,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Allow,
    Deny,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    /// Absent for a package of this workspace.
    source: Option<String>,
}

/// Compares the packages in use with `deny.toml`.
pub(crate) fn check(root: &Path) -> anyhow::Result<Report> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let rules: Rules = toml::from_str(&text).context("deny.toml")?;
    let packages = packages(root)?;
    Ok(Report { looked_at: format!("{} packages", packages.len()), findings: judge(&rules, &packages) })
}

/// All packages of the lock file. Those of other platforms may not be on this machine, so a second try may download.
fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ask = |more: &[&str]| {
        let fixed = ["metadata", "--format-version", "1", "--locked"];
        Command::new(&cargo).args(fixed).args(more).current_dir(root).output()
    };
    let mut output = ask(&["--offline"])?;
    if !output.status.success() {
        output = ask(&[])?;
    }
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice::<Metadata>(&output.stdout)?.packages)
}

fn judge(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut registry: Option<&str> = None;
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
        let Some(source) = &package.source else { continue };
        let named = format!("{} {}", package.name, package.version);
        if let Some(problem) = licence(rules, package) {
            findings.push(format!("{named}: {problem}"));
        }
        // The registry is the one that most packages come from; cargo knows it by address, this program does not.
        if source.starts_with("registry+") || source.starts_with("sparse+") {
            let known = *registry.get_or_insert(source);
            if known != source && rules.sources.unknown_registry == Word::Deny {
                findings.push(format!("{named}: comes from a second registry, {source}"));
            }
        } else if rules.sources.unknown_git == Word::Deny {
            findings.push(format!("{named}: does not come from the registry but from {source}"));
        }
    }
    for ban in &rules.bans.deny {
        match versions.get(ban.package.as_str()) {
            Some(found) if !ban.deny_multiple_versions || found.len() > 1 => {
                findings.push(format!("{} {}: banned, {}", ban.package, found.join(" and "), ban.reason));
            }
            _ => {}
        }
    }
    if rules.bans.multiple_versions == Word::Deny {
        for (name, found) in versions.iter().filter(|(_, found)| found.len() > 1) {
            findings.push(format!("{name}: versions {}", found.join(" and ")));
        }
    }
    findings
}

fn licence(rules: &Rules, package: &Package) -> Option<String> {
    let Some(expression) = &package.license else {
        let file =
            package.license_file.as_deref().map(|f| format!(", only the file {f}")).unwrap_or_default();
        let excepted = rules.licenses.exceptions.iter().any(|e| e.package == package.name);
        return (!excepted).then(|| format!("names no licence{file}"));
    };
    let allowed = |licence: &str| {
        let excepted = |e: &Exception| e.package == package.name && e.allow.iter().any(|a| a == licence);
        rules.licenses.allow.iter().any(|a| a == licence) || rules.licenses.exceptions.iter().any(excepted)
    };
    match spdx::met(expression, &allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("licence {expression} is not allowed")),
        Err(problem) => Some(format!("licence {expression:?} cannot be read: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "odd", allow = ["Zlib"] }]
        [bans]
        multiple-versions = "allow"
        deny = [
            { crate = "libsqlite3-sys", deny-multiple-versions = true, reason = "one file, one library" },
            { crate = "openssl", reason = "rustls is used" },
        ]
        [sources]
        unknown-registry = "deny"
        unknown-git = "deny"
    "#;

    fn package(name: &str, version: &str, license: &str, source: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            license: Some(license.into()).filter(|l: &String| !l.is_empty()),
            license_file: None,
            source: Some(source.into()),
        }
    }

    fn findings(packages: &[Package]) -> Vec<String> {
        judge(&toml::from_str(RULES).unwrap(), packages)
    }

    #[test]
    fn good_packages_pass() {
        let own = Package { source: None, ..package("waybell", "0.1.0", "Apache-2.0", "") };
        let good = [
            own,
            package("a", "1.0.0", "MIT OR X", "registry+r"),
            package("odd", "1.0.0", "Zlib", "registry+r"),
            package("libsqlite3-sys", "0.1.0", "MIT", "registry+r"),
        ];
        assert_eq!(findings(&good), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_own() {
        let bad = [
            package("a", "1.0.0", "AGPL-3.0-only", "registry+r"),
            package("b", "1.0.0", "Zlib", "registry+r"),
            package("c", "1.0.0", "", "registry+r"),
            package("d", "1.0.0", "MIT", "git+g"),
            package("e", "1.0.0", "MIT", "registry+other"),
            package("libsqlite3-sys", "0.1.0", "MIT", "registry+r"),
            package("libsqlite3-sys", "0.2.0", "MIT", "registry+r"),
            package("openssl", "0.2.0", "MIT", "registry+r"),
        ];
        let found = findings(&bad);
        let starts = ["a 1", "b 1", "c 1", "d 1", "e 1", "libsqlite3-sys 0.1.0 and 0.2.0", "openssl 0.2.0"];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (finding, start) in found.iter().zip(starts) {
            assert!(finding.starts_with(start), "{finding}");
        }
    }

    #[test]
    fn a_key_that_is_not_checked_is_refused() {
        assert!(toml::from_str::<Rules>(&format!("{RULES}\nallow-git = []")).is_err());
    }
}
