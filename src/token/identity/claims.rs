//! What an identity token says, read strictly: no name twice at any depth, and the claims that
//! decide of the right type.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::domain::clock::UnixTime;

/// The longest `sub`, in bytes, as OpenID Connect has it.
const LONGEST_SUBJECT: usize = 255;

/// A JSON value in which no object has a name twice.
#[derive(Clone, Debug, PartialEq)]
enum Json {
    Null,
    Flag(bool),
    Whole(u64),
    /// A number that is negative, has a fraction, or is too large.
    OddNumber,
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// The claims of a verified token.
#[derive(Clone, PartialEq)]
pub struct Claims {
    issuer: String,
    audience: Vec<String>,
    subject: String,
    expires: u64,
    issued_at: Option<u64>,
    not_before: Option<u64>,
    all: BTreeMap<String, Json>,
}

impl fmt::Debug for Claims {
    /// Nothing of it: logs must not say who somebody is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(…)")
    }
}

impl Claims {
    /// Who it is, within the issuer: 1 to 255 bytes.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who says so.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether the claim found along `path` is one of `wanted`, or a list that holds one of them.
    /// Whole numbers and true or false compare as they are written.
    #[must_use]
    pub fn says(&self, path: &[String], wanted: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return false;
        };
        let mut found = self.all.get(first);
        for name in rest {
            found = match found {
                Some(Json::Object(fields)) => fields.get(name),
                Some(_) | None => None,
            };
        }
        match found {
            Some(Json::List(values)) => values.iter().any(|value| value.is_one_of(wanted)),
            Some(value) => value.is_one_of(wanted),
            None => false,
        }
    }

    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.audience.iter().any(|one| one == audience)
    }

    pub(super) const fn expires(&self) -> UnixTime {
        UnixTime::from_secs(self.expires)
    }

    pub(super) fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at.map(UnixTime::from_secs)
    }

    pub(super) fn not_before(&self) -> Option<UnixTime> {
        self.not_before.map(UnixTime::from_secs)
    }
}

impl Json {
    fn is_one_of(&self, wanted: &[String]) -> bool {
        let written = match self {
            Self::Text(text) => return wanted.contains(text),
            Self::Flag(flag) => flag.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Null | Self::OddNumber | Self::List(_) | Self::Object(_) => return false,
        };
        wanted.contains(&written)
    }

    fn text(&self) -> Option<&String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let all = match Json::deserialize(from)? {
            Json::Object(all) => all,
            _ => return Err(D::Error::custom("the claims are no object")),
        };
        read(all).ok_or_else(|| D::Error::custom("a claim is missing or of another type"))
    }
}

fn read(all: BTreeMap<String, Json>) -> Option<Claims> {
    let text = |name| all.get(name).and_then(Json::text).cloned();
    let optional = |name: &str| match all.get(name) {
        None => Some(None),
        Some(value) => value.whole().map(Some),
    };
    let subject = text("sub")?;
    let audience = match all.get("aud")? {
        Json::Text(one) => vec![one.clone()],
        Json::List(several) => {
            let several = several.iter().map(|one| one.text().cloned());
            several.collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    (1..=LONGEST_SUBJECT)
        .contains(&subject.len())
        .then_some(())?;
    Some(Claims {
        issuer: text("iss")?,
        audience,
        subject,
        expires: all.get("exp")?.whole()?,
        issued_at: optional("iat")?,
        not_before: optional("nbf")?,
        all,
    })
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::OddNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OddNumber)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = from.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = from.next_entry::<String, Json>()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands there twice"));
            }
        }
        Ok(Json::Object(fields))
    }
}
