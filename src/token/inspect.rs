//! Inspects key files, and finds everything wrong with them at once.

use std::collections::BTreeSet;

use super::admission::AdmissionKey;
use super::keyfile::{AdmissionAlgorithm, Form, KeyFile, Kid, Purpose};
use super::secret::{Secret, SecretFault};
use crate::domain::clock::UnixTime;

/// What is wrong with a set of keys. Each names its file, none shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A purpose without a key.
    #[error("there is no {0} key: make it with `anteroom keys generate --dir DIR`")]
    Missing(Purpose),
    /// The name is not that of a key.
    #[error(
        "{file}: is not named like a key: PURPOSE-KID.key, or admission-KID.pem, where KID is at most 32 of A-Z a-z 0-9 _ - and begins with a time like 20261201T100000Z; before the ending may stand .from-TIME"
    )]
    Name {
        /// The file.
        file: String,
    },
    /// Others than the owner may read or change it.
    #[error("{file}: others may open it (mode {mode:04o}): run `chmod 600` on it")]
    Mode {
        /// The file.
        file: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The key in it is none, of another kind, or weak.
    #[error("{file}: {fault}")]
    Secret {
        /// The file.
        file: String,
        /// What is wrong with it.
        fault: SecretFault,
    },
    /// Two files of one purpose and kid.
    #[error("{file}: another file holds a key of the same purpose and kid")]
    Twice {
        /// The second file.
        file: String,
    },
}

/// Every key of these files, in the order in which they sign.
///
/// # Errors
/// Every fault of every file, and every purpose without a file.
pub(super) fn inspect(files: &[KeyFile]) -> Result<Vec<SoundKey>, Vec<KeyFault>> {
    let mut faults = Vec::new();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let name = file.parts().map(|name| (name.purpose, name.kid));
        if name.is_some_and(|name| !seen.insert(name)) {
            faults.push(KeyFault::Twice {
                file: file.name.clone(),
            });
        }
        match SoundKey::read(file) {
            Ok(key) => found.push(key),
            Err(mut more) => faults.append(&mut more),
        }
    }
    let named: BTreeSet<Purpose> = seen.iter().map(|(purpose, _)| *purpose).collect();
    let missing = Purpose::ALL.iter().filter(|one| !named.contains(one));
    faults.extend(missing.map(|purpose| KeyFault::Missing(*purpose)));
    if !faults.is_empty() {
        return Err(faults);
    }
    found.sort_by(|one, other| (one.from, &one.kid).cmp(&(other.from, &other.kid)));
    Ok(found)
}

/// A sound key file.
pub(super) struct SoundKey {
    pub(super) purpose: Purpose,
    pub(super) kid: Kid,
    /// From when it signs.
    pub(super) from: UnixTime,
    pub(super) file: String,
    pub(super) material: Material,
}

/// What stands in it.
pub(super) enum Material {
    Secret(Secret),
    Ed25519(Box<AdmissionKey>),
}

impl SoundKey {
    fn read(file: &KeyFile) -> Result<Self, Vec<KeyFault>> {
        let name = || file.name.clone();
        let mut faults = Vec::new();
        if file.mode & 0o077 != 0 {
            faults.push(KeyFault::Mode {
                file: name(),
                mode: file.mode & 0o7777,
            });
        }
        let Some(parts) = file.parts() else {
            faults.push(KeyFault::Name { file: name() });
            return Err(faults);
        };
        match Material::read(file, &parts.kid, parts.form) {
            Ok(material) if faults.is_empty() => Ok(Self {
                purpose: parts.purpose,
                kid: parts.kid,
                from: parts.from,
                file: name(),
                material,
            }),
            Ok(_) => Err(faults),
            Err(fault) => {
                faults.push(fault);
                Err(faults)
            }
        }
    }
}

impl Material {
    fn read(file: &KeyFile, kid: &Kid, form: Form) -> Result<Self, KeyFault> {
        let read = match form {
            Form::Secret => Secret::parse(&file.text).map(Self::Secret),
            Form::Ed25519 => {
                AdmissionKey::eddsa(kid.clone(), &file.text).map(|key| Self::Ed25519(Box::new(key)))
            }
        };
        read.map_err(|fault| KeyFault::Secret {
            file: file.name.clone(),
            fault,
        })
    }
}

impl SoundKey {
    /// The algorithm it is used with.
    pub(super) const fn algorithm(&self) -> &'static str {
        match (self.purpose, &self.material) {
            (_, Material::Ed25519(_)) => AdmissionAlgorithm::EdDsa.word(),
            (Purpose::Admission, Material::Secret(_)) => AdmissionAlgorithm::Hs256.word(),
            (Purpose::Queue | Purpose::Identity | Purpose::Draw, Material::Secret(_)) => {
                "HMAC-SHA-256"
            }
        }
    }
}
